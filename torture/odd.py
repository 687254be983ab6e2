"""Requests that no document describes: bodies that are hardly JSON, headers, cursors and ids of every odd form.

    for kind in KINDS: try_kind(scene, kind, cases, number, tally)

Whatever comes, the answer is no 5xx but 501, has a request id, and repeats nothing of what was sent.
"""

import base64
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from torture.ask import Got
from torture.scene import Scene
from torture.tally import Tally

MARK = "zzz-rejected"
"""Stands in what is sent; an answer never repeats it."""
SIGNED = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class Odd:
    """A request; `by` calls."""

    method: str
    target: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    by: str | None = "owner"
    media_type: str = "application/json"


Draw = Callable[[Scene], st.SearchStrategy[Odd]]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**40), 10**40),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from([MARK, "", "\x00", "\ud800", "\u2028", "../..", "%00", "a" * 300, "💊", "\r\nX-Injected: 1"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["name", "id", "Meta", "endpoint", "reason", "", "a" * 300]), inner, max_size=4
        ),
    ),
    max_leaves=8,
)
"""JSON values of every kind; a lone surrogate and NaN are written as they are."""


def written(value: Any) -> bytes:
    """The value as JSON that Python would write."""
    return json.dumps(value).encode("utf-8", "surrogatepass")


spoils: list[Callable[[bytes], bytes]] = [
    lambda data: data,
    lambda data: b"\xef\xbb\xbf" + data,
    lambda data: data + b"\x00",
    lambda data: data[:-1],
    lambda data: data + data,
    lambda data: data.decode().encode("utf-16"),
    lambda data: b"\xff\xfe" + data,
    lambda data: data.replace(b'"', b"'"),
    lambda data: b'{"name":"a","name":"b",' + data[1:] if data[:1] == b"{" else data,
    lambda data: b"[" * 100_000,
    lambda data: b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
    lambda data: b"9" * 5_000,
    lambda data: b"1e999999999",
    lambda data: b'"' + b"\\ud800" * 50 + b'"',
    lambda data: zlib.compress(b"[" + b"1," * 500_000 + b"1]"),
]
bodies = st.one_of(
    st.builds(lambda value, spoil: spoil(written(value)), values, st.sampled_from(spoils)),
    st.binary(max_size=200),
)
odd_ids = st.one_of(
    st.text(max_size=60).map(lambda text: quote(text.encode("utf-8", "surrogatepass"), safe="")),
    st.sampled_from(
        ["%00", "..", "%2e%2e", "%2f", "a%2fb", "%ff", "%", "%zz", "-1", "0", "9" * 400, "%0d%0aX: 1", "{}"]
    ),
)
odd_cursors = st.one_of(
    st.binary(max_size=60).map(lambda data: base64.urlsafe_b64encode(data).decode().rstrip("=")),
    values.map(lambda value: base64.urlsafe_b64encode(written(value)).decode().rstrip("=")),
    st.tuples(st.integers(-(2**70), 2**70), st.text(max_size=30)).map(
        lambda place: base64.urlsafe_b64encode(written(list(place))).decode().rstrip("=")
    ),
    st.text(max_size=600),
)
lines = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=80)


def _of_bodies(scene: Scene) -> st.SearchStrategy[Odd]:
    places = st.sampled_from(
        [
            ("PATCH", "/platform/v1/destinations/{destinationId}", "owner"),
            ("POST", "/platform/v1/environments/{environmentId}/destinations", "owner"),
            ("PATCH", "/platform/v1/authcredentials/{id}", "owner"),
            ("POST", "/platform/v1/environments/{environmentId}/logs/search/payloads", "owner"),
            ("PUT", "/waypost/v1/environments/{environmentId}/egress", "owner"),
            ("PUT", "/waypost/v1/environments/{environmentId}/notifications", "owner"),
            ("POST", "/endpoint", "source"),
            ("POST", "/auth/authenticate", None),
        ]
    )
    return st.builds(
        lambda place, body, encoding: Odd(
            place[0],
            place[1].format(**scene.in_path),
            body,
            {"content-encoding": encoding} if encoding else {},
            place[2],
        ),
        places,
        bodies,
        st.sampled_from(["", "", "", "gzip", "deflate", "br", "identity", "gzip, gzip"]),
    )


def _of_messages(scene: Scene) -> st.SearchStrategy[Odd]:
    def message(value: Any, meta: Any, how: int) -> bytes:
        known = {"DataModel": "PatientAdmin", "EventType": "NewPatient"}
        ends = {"Source": scene.in_body["Source"], "Destinations": scene.in_body["Destinations"]}
        if how < 3 and isinstance(meta, dict):
            return written({"Meta": {**known, **ends, **meta}, "Patient": value})
        return written({"Meta": meta, "Patient": value})

    whole = st.builds(message, values, values, st.integers(0, 3))
    batch = st.lists(st.one_of(whole, bodies), max_size=6).map(b"\n".join)
    keys = lines.map(lambda key: {"idempotency-key": key})
    return st.one_of(
        st.builds(
            lambda body, key: Odd("POST", "/endpoint", body, key, "source"), whole, st.one_of(st.just({}), keys)
        ),
        st.builds(
            lambda body, key: Odd("POST", "/waypost/v1/messages", body, key, "source", "application/x-ndjson"),
            batch,
            st.one_of(st.just({}), keys),
        ),
    )


def _of_assertions(_: Scene) -> st.SearchStrategy[Odd]:
    part = st.one_of(values.map(written), st.binary(max_size=60), bodies)
    header = st.fixed_dictionaries(
        {"alg": st.sampled_from(["none", "RS384", "ES384", "HS256", ""]), "kid": scalars}
    )
    claims = st.dictionaries(
        st.sampled_from(["iss", "sub", "aud", "exp", "iat", "jti", "nbf"]), values, max_size=7
    )
    jwt = st.builds(
        lambda *parts: ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts),
        st.one_of(header.map(written), part),
        st.one_of(claims.map(written), part),
        st.binary(max_size=100),
    )
    assertion = st.one_of(jwt, st.text(max_size=100), st.sampled_from([".", "..", "a.b", "a" * 10_000, "=.=.="]))
    fields = st.fixed_dictionaries(
        {
            "grant_type": st.sampled_from(["client_credentials", "password", "", MARK]),
            "client_assertion_type": st.sampled_from([SIGNED, MARK, ""]),
            "client_assertion": assertion.map(lambda text: text.encode("utf-8", "surrogatepass")),
        }
    )
    forms = st.one_of(
        fields.map(lambda form: urlencode(form).encode()),
        fields.map(lambda form: urlencode([*form.items(), *form.items()]).encode()),
        st.binary(max_size=200),
        st.integers(1, 3_000).map(lambda many: b"&".join([b"a=b"] * many)),
    )
    types = st.sampled_from(
        [
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "text/plain",
            "",
        ]
    )
    return st.builds(lambda form, media: Odd("POST", "/v2/auth/token", form, {}, None, media), forms, types)


def _of_addresses(scene: Scene) -> st.SearchStrategy[Odd]:
    paths = st.sampled_from(
        [
            "/platform/v1/destinations/{}",
            "/platform/v1/environments/{}/destinations",
            "/platform/v1/organizations/{}/environments",
            "/platform/v1/organizations/1/logs/{}",
            "/waypost/v1/queues/{}",
            "/waypost/v1/logs/{}/attempts",
            "/waypost/v1/credentials/{}/jwks.json",
            "/platform/v1/authcredentials/{}",
            "/{}",
        ]
    )
    lists = st.sampled_from(
        [
            "/waypost/v1/environments/{environmentId}/queues",
            "/waypost/v1/environments/{environmentId}/ledger",
            "/waypost/v1/logs/{logId}/attempts",
            "/platform/v1/environments/{environmentId}/subscriptions",
            "/platform/v1/organizations/{organizationId}/audit-events",
            "/waypost/v1/destinations/{destinationId}/deliveries",
        ]
    )
    names = st.sampled_from(
        ["_cursor", "_count", "_page", "after", "userId", "startDateTime", "searchTerm", "orderBy"]
    )
    asked = st.lists(st.tuples(names, st.one_of(odd_cursors, st.integers().map(str))), max_size=4)
    return st.one_of(
        st.builds(lambda path, odd: Odd("GET", path.replace("{}", odd)), paths, odd_ids),
        st.builds(
            lambda path, query: Odd("GET", path.format(**scene.in_path) + "?" + _query(query)), lists, asked
        ),
    )


def _of_headers(scene: Scene) -> st.SearchStrategy[Odd]:
    names = st.sampled_from(
        ["authorization", "if-match", "x-request-id", "accept", "range", "cookie", "te", "expect"]
    )
    forms = st.one_of(
        lines,
        st.sampled_from(
            ["Bearer", "Bearer  ", "bearer x y", "Basic Og==", 'W/"1"', '"1", "2"', "*", "bytes=0-,-1", "\xff"]
        ),
        values.map(lambda value: "Bearer " + base64.urlsafe_b64encode(written(value)).decode()),
    )
    path = f"/platform/v1/destinations/{scene.in_path['destinationId']}"
    return st.builds(
        lambda headers, method: Odd(method, path, b"{}" if method == "PATCH" else b"", headers),
        st.dictionaries(names, forms, max_size=4),
        st.sampled_from(["GET", "PATCH"]),
    )


KINDS: Mapping[str, Draw] = {
    "bodies": _of_bodies,
    "messages": _of_messages,
    "assertions": _of_assertions,
    "addresses": _of_addresses,
    "headers": _of_headers,
}


def try_kind(scene: Scene, kind: str, cases: int, number: int, tally: Tally) -> None:
    """So many odd requests of a kind; the same ones for the same number."""
    scene.refresh()

    @seed(number)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(odd=KINDS[kind](scene))
    def run(odd: Odd) -> None:
        got = _sent(scene, odd)
        tally.add(kind, got.status, _wrong(odd, got))

    run()


def _sent(scene: Scene, odd: Odd) -> Got:
    headers = {"host": "x", "content-length": str(len(odd.body))}
    if odd.media_type:
        headers["content-type"] = odd.media_type
    if odd.by is not None:
        headers["authorization"] = f"Bearer {scene.house.token(odd.by)}"
    return scene.ask(odd.method, odd.target, headers | dict(odd.headers), odd.body)


def _wrong(odd: Odd, got: Got) -> str | None:
    if got.status >= 500 and got.status != 501:
        return f"{odd.method} {odd.target[:200]} {odd.headers} {odd.body[:300]!r}: {got.body[:300]!r}"
    if "x-request-id" not in got.headers or (
        MARK not in odd.target and MARK.encode() in got.body and got.status >= 400
    ):
        return f"{odd.method} {odd.target[:200]}: {got.body[:300]!r}"
    return None


def _query(pairs: list[tuple[str, str]]) -> str:
    return urlencode([(name, value.encode("utf-8", "surrogatepass")) for name, value in pairs])
