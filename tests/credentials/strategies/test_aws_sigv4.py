"""`AwsSigv4` against AWS's published test suite, against botocore's signer, and over real HTTP."""

import hashlib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from waypost.credentials.strategies.aws_sigv4 import AwsSigv4, canonical_path, canonical_query, signed
from waypost.credentials.strategies.strategy import Outgoing

SUITE_MOMENT = 1_440_938_160_000
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"
PLAIN = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def keys(service: str = "service", **more: Any) -> AwsSigv4:
    given = {"accessKey": "AKIDEXAMPLE", "secretKey": SECRET, "serviceName": service, "awsRegion": "us-east-1"}
    return AwsSigv4(**{**given, **more})


# Names, requests and signatures of AWS's Signature Version 4 test suite.
SUITE: dict[str, tuple[str, str, dict[str, str], str]] = {
    "get-vanilla": ("GET", "/", {}, PLAIN),
    "get-relative-normalized": ("GET", "/example/..", {}, PLAIN),
    "get-relative-relative-normalized": ("GET", "/example1/example2/../..", {}, PLAIN),
    "get-slash-dot-slash-normalized": ("GET", "/./", {}, PLAIN),
    "get-slash-normalized": ("GET", "//", {}, PLAIN),
    "get-slash-pointless-dot-normalized": (
        "GET", "/./example", {}, "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
    ),
    "get-slashes-normalized": (
        "GET", "//example//", {}, "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
    ),
    "get-space-normalized": (
        "GET", "/example space/", {}, "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
    ),
    "get-unreserved": (
        "GET", f"/{UNRESERVED}", {}, "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    "get-header-value-multiline": (
        "GET", "/", {"My-Header1": "value1\n  value2\n     value3"},
        "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd",
    ),
    "get-header-value-trim": (
        "GET", "/", {"My-Header1": " value1", "My-Header2": ' "a   b   c"'},
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    "get-vanilla-empty-query-key": (
        "GET", "/?Param1=value1", {}, "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
    ),
    "get-vanilla-query-order-encoded": (
        "GET", "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1", {},
        "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
    ),
    "get-vanilla-query-order-key-case": (
        "GET", "/?Param2=value2&Param1=value1", {},
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "get-vanilla-query-unreserved": (
        "GET", f"/?{UNRESERVED}={UNRESERVED}", {},
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    "get-vanilla-utf8-query": (
        "GET", "/?ሴ=bar", {}, "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    "post-vanilla": ("POST", "/", {}, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    "post-header-key-sort": (
        "POST", "/", {"My-Header1": "value1"}, "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    "post-header-value-case": (
        "POST", "/", {"My-Header1": "VALUE1"}, "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    ),
    "post-vanilla-query": (
        "POST", "/?Param1=value1", {}, "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
    ),
}  # fmt: skip


def suite(method: str, target: str, headers: dict[str, str], fields: AwsSigv4) -> str:
    request = Outgoing(method, f"https://example.amazonaws.com{target}", headers, b"")
    return signed(fields, request, SUITE_MOMENT)["authorization"].rpartition("Signature=")[2]


@pytest.mark.parametrize(("method", "target", "headers", "signature"), SUITE.values(), ids=SUITE)
def test_the_signature_is_that_of_the_published_suite(
    method: str, target: str, headers: dict[str, str], signature: str
) -> None:
    assert suite(method, target, headers, keys()) == signature


def test_a_session_token_is_sent_and_signed() -> None:
    request = Outgoing("GET", "https://example.amazonaws.com/", {}, b"")
    made = signed(keys(sessionToken=TOKEN), request, SUITE_MOMENT)
    assert made["x-amz-security-token"] == TOKEN
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token" in made["authorization"]
    assert made["authorization"].endswith("07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8")


def by_botocore(fields: AwsSigv4, request: Outgoing, moment: str) -> str:
    """What botocore says of the request as it goes over the wire."""
    url = URL(request.url, encoded=request.url.isascii())
    headers = {**request.headers, "x-amz-date": moment}
    asked = AWSRequest(request.method, str(url), headers, request.body)
    asked.context["timestamp"] = moment
    credentials = Credentials(fields.accessKey, fields.secretKey, fields.sessionToken)
    kind = S3SigV4Auth if fields.serviceName == "s3" else SigV4Auth
    signer = kind(credentials, fields.serviceName, fields.awsRegion)
    if fields.sessionToken:
        asked.headers["X-Amz-Security-Token"] = fields.sessionToken
    if fields.serviceName == "s3":
        asked.headers["X-Amz-Content-SHA256"] = hashlib.sha256(request.body).hexdigest()
    canonical = signer.canonical_request(asked)
    return str(signer.signature(signer.string_to_sign(asked, canonical), asked))


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
encoded = text.map(lambda value: quote(value, safe=""))
names = st.from_regex(r"\A[a-z][a-z0-9-]{0,12}\Z").filter(lambda name: name not in {"host", "expect"})
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@given(
    segments=st.lists(encoded, max_size=4),
    query=st.lists(st.tuples(encoded.filter(bool), encoded), max_size=4),
    headers=st.dictionaries(names, values, max_size=4),
    body=st.binary(max_size=64),
    service=st.sampled_from(["s3", "execute-api"]),
    token=st.sampled_from([None, TOKEN]),
)
def test_botocore_signs_the_same(
    segments: list[str],
    query: list[tuple[str, str]],
    headers: dict[str, str],
    body: bytes,
    service: str,
    token: str | None,
) -> None:
    target = "/".join(["", *segments]) or "/"
    behind = "&".join(f"{name}={value}" for name, value in query)
    url = f"https://bucket.example.com:8443{target}{'?' if behind else ''}{behind}"
    request = Outgoing("PUT", url, headers, body)
    fields = keys(service, sessionToken=token)
    made = signed(fields, request, SUITE_MOMENT)
    assert made["x-amz-date"] == datetime.fromtimestamp(SUITE_MOMENT / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    expected = by_botocore(fields, request, made["x-amz-date"])
    assert made["authorization"].rpartition("Signature=")[2] == expected


@given(st.lists(st.tuples(text.filter(bool), text), max_size=6), st.randoms(use_true_random=False))
def test_the_canonical_query_does_not_hang_on_order_or_spelling(pairs: list[tuple[str, str]], chance: Any) -> None:
    def spelled(value: str) -> str:
        return "".join(c if c.isalnum() and c.isascii() and chance.random() < 0.5 else all_of(c) for c in value)

    def all_of(char: str) -> str:
        return "".join(f"%{byte:02X}" for byte in char.encode())

    one = canonical_query("&".join(f"{all_of(name)}={all_of(value)}" for name, value in pairs))
    shuffled = chance.sample(pairs, len(pairs))
    assert canonical_query("&".join(f"{spelled(name)}={spelled(value)}" for name, value in shuffled)) == one
    assert canonical_query(one) == one


@given(text)
def test_a_path_that_is_encoded_once_is_canonical_however_it_is_spelled(value: str) -> None:
    path = "/" + quote(value)
    assert canonical_path(canonical_path(path, once=True), once=True) == canonical_path(path, once=True)
    assert canonical_path("/" + quote(value, safe="!$&'()*+,;=:@/"), once=True) == canonical_path(path, once=True)


def test_a_plus_in_a_query_is_a_space() -> None:
    assert canonical_query("a+b=c+d&e") == "a%20b=c%20d&e="


def test_s3_gets_the_hash_of_the_body_and_others_do_not() -> None:
    request = Outgoing("PUT", "https://bucket.s3.us-east-1.amazonaws.com/a/../b", {}, b"body")
    made = signed(keys("s3"), request, SUITE_MOMENT)
    assert made["x-amz-content-sha256"] == hashlib.sha256(b"body").hexdigest()
    assert "x-amz-content-sha256" in made["authorization"]
    assert "x-amz-content-sha256" not in signed(keys("execute-api"), request, SUITE_MOMENT)
    assert canonical_path("/a/../b", once=True) == "/a/../b"
