"""Odd requests of every kind, and values that would be more than one header: `torture/odd.py`, for a few cases."""

import gzip
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.house import House
from torture import odd
from torture.contract import CLOSED_PROXY
from torture.inside import asking
from torture.scene import Scene
from torture.tally import Tally
from waypost.settings import SettingsInvalid, load

CASES = 60
SPLITTING = ("a\r\nX-Injected: 1", "a\nb", "a\rb", "a\x00b", "a\x0bb", "a\u2028b", "\r\n", "a\x85b")
"""Values that some reader would take for the end of a header."""
HEADER = {"authStrategy": "Header", "headerName": "X-Key", "headerValue": "b"}
SMTP = {
    "host": "mail.example.com",
    "port": 25,
    "security": "none",
    "from": "a@example.com",
    "to": ["b@example.com"],
}

FIELDS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "verification token": ("PATCH", "/platform/v1/destinations/{destinationId}", {}, "/verificationToken"),
    "endpoint": ("PATCH", "/platform/v1/destinations/{destinationId}", {}, "/endpoint"),
    "name of a destination": ("PATCH", "/platform/v1/destinations/{destinationId}", {}, "/name"),
    "name of a source": ("PATCH", "/platform/v1/sources/{sourceId}", {}, "/name"),
    "header name": ("POST", "/platform/v1/authcredentials", HEADER, "/headerName"),
    "header value": ("POST", "/platform/v1/authcredentials", HEADER, "/headerValue"),
    "webhook": ("PUT", "/waypost/v1/environments/{environmentId}/notifications", {}, "/webhook/url"),
    "sender of mails": (
        "PUT",
        "/waypost/v1/environments/{environmentId}/notifications",
        {"smtp": SMTP},
        "/smtp/from",
    ),
    "mail server": ("PUT", "/waypost/v1/environments/{environmentId}/notifications", {"smtp": SMTP}, "/smtp/host"),
    "data model": (
        "POST",
        "/platform/v1/environments/{environmentId}/subscriptions",
        {"source": {"id": "{sourceId}"}, "destination": {"id": "{destinationId}"}},
        "/dataModel",
    ),
}
"""What a person writes and Waypost puts into a header, a start line or a mail: the request, and the field."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with House(tmp_path_factory.mktemp("odd"), deliver=False, egress_proxy=CLOSED_PROXY) as house:
        yield Scene(house, asking(house))


@pytest.mark.parametrize("kind", odd.KINDS)
def test_odd_requests_are_refused_or_answered_and_never_a_fault_of_ours(scene: Scene, kind: str) -> None:
    tally = Tally()
    odd.try_kind(scene, kind, CASES, 1, tally)
    assert tally.broken == {}
    assert tally.cases >= CASES


@pytest.mark.parametrize("field", FIELDS)
def test_no_value_becomes_a_second_header(scene: Scene, field: str) -> None:
    method, path, body, pointer = FIELDS[field]
    for value in SPLITTING:
        sent = _with(_named(scene, body), pointer.split("/")[1:], value)
        answer = scene.house.call(method, path.format(**scene.in_path), sent, by="owner")
        assert answer.status == 400, (value, answer.body)
        assert [at for at, _ in answer.faults] == [pointer], (value, answer.body)
        assert "x-injected" not in answer.headers
        assert b"Injected" not in answer.body


def test_no_setting_becomes_a_second_header() -> None:
    for value in SPLITTING:
        with pytest.raises(SettingsInvalid):
            load(application_name=value)


def _named(scene: Scene, body: dict[str, Any]) -> dict[str, Any]:
    """The body with what every new credential has, where it is one, and with ids at their names."""
    if "authStrategy" in body:
        own = {"organization": scene.organization, "environmentId": scene.environment, "name": "Keys"}
        return own | body
    ends = {
        name: {"id": scene.in_path[end["id"].strip("{}")]}
        for name, end in body.items()
        if isinstance(end, dict) and "id" in end
    }
    return body | ends


def _with(body: dict[str, Any], names: list[str], value: str) -> dict[str, Any]:
    """The body with that value at the pointer."""
    first, *rest = names
    return body | {first: _with(body.get(first, {}), rest, value) if rest else value}


@pytest.mark.parametrize("path", ["/endpoint", "/waypost/v1/messages", "/platform/v1/authcredentials"])
def test_what_is_packed_is_never_unpacked(scene: Scene, path: str) -> None:
    """A bomb of 64 MB in 64 KB is what it is: bytes that are not JSON."""
    bomb = gzip.compress(b" " * 64_000_000, compresslevel=9)
    lines = path.endswith("messages")
    headers = {"content-type": "application/x-ndjson" if lines else "application/json", "content-encoding": "gzip"}
    by = "engineer" if path.startswith("/platform") else "source"
    tracemalloc.start()
    answer = scene.house.call("POST", path, bomb, by=by, headers=headers)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    said = [json.loads(line)["status"] for line in answer.body.splitlines()] if lines else [answer.status]
    assert set(said) == {400}
    assert most < 8_000_000
