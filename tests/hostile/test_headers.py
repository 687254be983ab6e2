"""Values that others write and that come into a header: each stays one value of one header, or goes nowhere.

Where they come in, by the code: settings of credentials, and tokens that a token endpoint answers with; the
verification token, endpoints, webhooks and mail servers (`test_odd.py`, `FIELDS`); the application's name
(`test_odd.py`); data models and event types, as marks of objects in cloud stores; names of environments, in mails;
in our own answers `X-Request-Id`, and where a sign-in leads to. All else is numbers, ids and signatures of ours.
Whatever comes through, `egress/http1/requests.py` writes no line that was not meant.
"""

import ipaddress
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.conftest import SetClock
from tests.credentials.strategies.cases import CASES, pem
from tests.hostile.test_odd import SPLITTING
from tests.support.receiver import Receiver, answer
from waypost.cli.founding.plan import FixedEnvironment
from waypost.credentials.strategies import STRATEGIES
from waypost.credentials.strategies.strategy import Grant, NotAuthorized, Occasion, Outgoing
from waypost.destinations.kinds.kind import Item
from waypost.destinations.kinds.naming import metadata_of
from waypost.egress.client import Client
from waypost.egress.http1 import requests
from waypost.egress.policy import Policy
from waypost.validation import check

REQUEST = Outgoing("POST", "https://api.example.com/in?b=1&a=2", {"Content-Type": "application/json"}, b"{}")

words = st.text(st.sampled_from("aZ-: \t\r\n\x00\x0b\x7f\x85é\u2028\ud800💊"), max_size=12)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(headers=st.dictionaries(words, words, max_size=3), target=words)
def test_a_head_has_one_line_for_each_header_whatever_they_are(headers: dict[str, str], target: str) -> None:
    place = requests.parts_of(f"http://ward.example.com/{target}")
    if place is None:
        return
    try:
        head = requests.head("GET", place.target, place.authority, headers, 0)
    except requests.Unwritable:
        return
    lines = head.split(b"\r\n")
    assert lines[-2:] == [b"", b""]
    assert len(lines) == 3 + len(headers) + 2 - len(headers.keys() & {"host", "user-agent"})
    assert not [line for line in lines if set(line) & {0, 10, 13}]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client(Policy([ipaddress.ip_network("127.0.0.0/8")]))
    await made.start()
    yield made
    await made.close()


@pytest.mark.parametrize("name", CASES)
async def test_no_setting_of_a_credential_becomes_a_second_header(
    name: str, client: Client, clock: SetClock
) -> None:
    """It is refused when it is written or used, or comes into a form, a signature or base64."""
    strategy = STRATEGIES[name]
    with CASES[name](clock) as running:
        whole = _keyed(name, running.fields)
        for field, given_value in whole.items():
            for value in SPLITTING:
                changed = [value] if isinstance(given_value, list) else value
                try:
                    fields = strategy.fields.model_validate(whole | {field: changed})
                except ValidationError:
                    continue
                occasion = Occasion(client, clock.now_ms(), False, 5, request=REQUEST, home="https://way.example")
                grant = await strategy.authorize(fields, occasion)
                assert isinstance(grant, NotAuthorized) or _is_written_in_lines(grant), (field, value)


@pytest.mark.parametrize(
    "name", [name for name, each in STRATEGIES.items() if name in CASES and not each.each_time]
)
async def test_no_token_that_comes_back_becomes_a_second_header(
    name: str, client: Client, clock: SetClock
) -> None:
    strategy = STRATEGIES[name]
    with CASES[name](clock) as running, Receiver() as receiver:
        changed = _keyed(name, running.fields) | dict.fromkeys(running.addresses, receiver.url)
        fields = strategy.fields.model_validate(changed)
        for value in SPLITTING:
            receiver.behave(answer(200, {"access_token": value, "accessToken": value}))
            occasion = Occasion(client, clock.now_ms(), False, 5, request=REQUEST, home="https://way.example")
            got = await strategy.authorize(fields, occasion)
            assert isinstance(got, NotAuthorized), value
            assert "Injected" not in got.reason


@pytest.mark.parametrize("value", SPLITTING)
def test_no_mark_of_an_object_becomes_a_second_header(value: str) -> None:
    item = Item(
        body=b"{}", log_id="a", seq=1, accepted_at=1, source_id="b", subscription_id="c",
        data_model=value, event_type=value, replay_of=None,
    )  # fmt: skip
    assert _is_written_in_lines(Grant({f"x-amz-meta-{key}": each for key, each in metadata_of(item).items()}))


@pytest.mark.parametrize("value", SPLITTING)
def test_no_name_of_an_environment_is_two_lines_of_a_mail(value: str) -> None:
    given = {"id": str(uuid.uuid4()), "environmentFlag": "Development"}
    _, faults = check(FixedEnvironment, given | {"name": "A name"})
    assert faults == []
    _, faults = check(FixedEnvironment, given | {"name": value})
    assert [fault.pointer for fault in faults] == ["/name"]


def _keyed(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with a key where Waypost would make one."""
    made = {"privateKey": pem(fields.get("algorithm", "RS384"))} if STRATEGIES[name].keyed else {}
    return made | fields


def _is_written_in_lines(grant: Grant) -> bool:
    """Whether its headers are as many lines as there are of them."""
    head = requests.head("GET", "/", "ward.example.com", grant.headers, 0)
    return head.count(b"\r\n") == head.count(b"\n") == head.count(b"\r") == 4 + len(grant.headers)
