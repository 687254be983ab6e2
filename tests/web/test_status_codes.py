"""Every status that the contract names, once, over HTTP, and what all failures have in common."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.support.house import House
from tests.support.serving import Answer

from waypost.access import operator
from waypost.apikeys import store as apikeys
from waypost.errors import RateLimited
from waypost.web.rates import Limits

NOWHERE = "7d7f5d4e-3c49-4b53-8d5c-2a1f6f1f0b11"
ENVIRONMENT = "/platform/v1/environments/{env}"
REJECTED = "zzz-rejected"


@dataclass(frozen=True)
class Failure:
    """A request that must fail: its status and code, and how to make it."""

    status: int
    code: str
    method: str = "PATCH"
    path: str = "/platform/v1/destinations/{id}"
    body: Any = None
    by: str | None = "engineer"
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.status}-{self.code}"


FAILURES = [
    Failure(400, "malformed_json", body=b"{" + REJECTED.encode()),
    Failure(400, "invalid_request", body={"name": REJECTED + "\n", "endpoint": REJECTED}),
    Failure(400, "invalid_request", "GET", f"{ENVIRONMENT}/subscriptions?_page={REJECTED}"),
    Failure(401, "unauthenticated", "GET", by=None, headers=(("authorization", "Bearer " + REJECTED),)),
    Failure(403, "forbidden", body={"name": REJECTED}, by="viewer"),
    Failure(404, "not_found", path=f"/platform/v1/destinations/{NOWHERE}", body={"name": REJECTED}),
    Failure(404, "not_found", "GET", "/nothing/here?a=" + REJECTED),
    Failure(405, "method_not_allowed", "PUT", body={"name": REJECTED}),
    Failure(409, "id_taken", "POST", f"{ENVIRONMENT}/destinations", {"id": "{id}", "name": REJECTED}),
    Failure(412, "stale", body={"name": REJECTED}, headers=(("if-match", f'"{REJECTED}"'),)),
    Failure(413, "too_large", body=REJECTED.encode() * 100_000),
    Failure(415, "unsupported_media_type", body=b"x", headers=(("content-type", f"text/{REJECTED}"),)),
    Failure(501, "not_implemented", "POST", "/platform/v1/promotions", {"a": REJECTED}),
]  # fmt: skip


@pytest.fixture(scope="module")
def made(house: House) -> dict[str, Any]:
    return house.destination()


@pytest.fixture
def fail(house: House, made: dict[str, Any]) -> Callable[[Failure], Answer]:
    """Make a request that must fail, with further headers."""

    def send(failure: Failure, **headers: str) -> Answer:
        path = failure.path.replace("{id}", made["id"]).replace("{env}", house.environments["Development"])
        body = failure.body
        if isinstance(body, dict):
            body = {name: made["id"] if value == "{id}" else value for name, value in body.items()}
        more = dict(failure.headers) | {name.replace("_", "-"): value for name, value in headers.items()}
        return house.call(failure.method, path, body, by=failure.by, headers=more)

    return send


@pytest.fixture
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An application for one test, which may spoil it."""
    with House(tmp_path_factory.mktemp("breakable"), deliver=False) as made:
        yield made


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_a_failure_is_a_problem_document(fail: Callable[[Failure], Answer], failure: Failure) -> None:
    answer = fail(failure)
    assert (answer.status, answer.headers["content-type"]) == (failure.status, "application/problem+json")
    problem = answer.json
    members = {"type", "title", "status", "detail", "instance", "meta"}
    assert problem.keys() - {"errors"} == members
    assert ("errors" in problem) is (failure.status == 400)
    assert problem["type"] == f"/problems/{failure.code}"
    assert (problem["status"], problem["meta"]) == (failure.status, {"version": "1.0.0"})
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"].startswith("/")


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_a_failure_never_repeats_what_was_rejected(fail: Callable[[Failure], Answer], failure: Failure) -> None:
    answer = fail(failure)
    assert REJECTED.encode() not in answer.body
    assert REJECTED not in str(answer.headers)


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_a_failure_carries_the_clients_own_request_id(fail: Callable[..., Answer], failure: Failure) -> None:
    assert fail(failure, x_request_id="My-own.request_42").headers["x-request-id"] == "My-own.request_42"


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_a_failure_carries_a_fresh_request_id_otherwise(fail: Callable[..., Answer], failure: Failure) -> None:
    ids = {fail(failure).headers["x-request-id"], fail(failure, x_request_id="short").headers["x-request-id"]}
    assert len(ids) == 2
    assert "short" not in ids


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs"])
def test_success_carries_a_request_id_too(house: House, path: str) -> None:
    answer = house.call("GET", path, by=None, headers={"x-request-id": "My-own.request_42"})
    assert (answer.status, answer.headers["x-request-id"]) == (200, "My-own.request_42")


@pytest.mark.parametrize(
    "given", ["x" * 7, "x" * 65, "with space", "semi;colon", "ünïcödé!", '"quoted"', "a/b/c/d/e"]
)
def test_a_request_id_that_is_no_plain_word_is_replaced(house: House, given: str) -> None:
    answer = house.call("GET", "/health/live", by=None, headers={"x-request-id": given})
    assert answer.headers["x-request-id"] != given
    assert len(answer.headers["x-request-id"]) == 36


@pytest.mark.parametrize("given", ["x" * 8, "x" * 64, NOWHERE, "A.b_c-1234"])
def test_a_request_id_that_is_a_plain_word_is_kept(house: House, given: str) -> None:
    assert house.call("GET", "/nothing", headers={"x-request-id": given}).headers["x-request-id"] == given


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/platform/v1/destinations/{id}", "DELETE, GET, PATCH"),
        ("/platform/v1/destinations/{id}/verify", "POST"),
        ("/platform/v1/destinations/{id}/sendSampleDataset", "POST"),
        ("/platform/v1/environments/{id}/destinations", "GET, POST"),
        ("/platform/v1/environments/{id}/role-assignment", "DELETE, GET, POST, PUT"),
        ("/platform/v1/operations/filters/{id}", "DELETE, GET, PUT"),
        ("/waypost/v1/destinations/{id}", "GET, PATCH"),
        ("/waypost/v1/destinations/{id}/setup", "PUT"),
        ("/endpoint", "POST"),
        ("/v2/auth/token", "POST"),
        ("/health/ready", "GET"),
        ("/openapi.json", "GET"),
    ],
)
@pytest.mark.parametrize("method", ["OPTIONS", "PROPFIND"])
def test_405_names_every_method_of_the_address(house: House, path: str, allowed: str, method: str) -> None:
    answer = house.call(method, path.replace("{id}", NOWHERE))
    assert (answer.status, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Basic dXNlcjp3b3Jk", "Bearer x", "bearer a.b.c", "Token x", "\xff"]
)
def test_401_for_whatever_is_no_token(house: House, made: dict[str, Any], authorization: str) -> None:
    path = f"/platform/v1/destinations/{made['id']}"
    answer = house.call("GET", path, by=None, headers={"authorization": authorization})
    assert (answer.status, answer.headers["www-authenticate"].split()[0]) == (401, "Bearer")


def test_401_without_any_header_on_every_kind_of_route(house: House, made: dict[str, Any]) -> None:
    for method, path in (
        ("GET", f"/platform/v1/destinations/{made['id']}"),
        ("PATCH", f"/platform/v1/destinations/{made['id']}"),
        ("GET", f"/waypost/v1/destinations/{made['id']}"),
        ("GET", f"/platform/v1/environments/{NOWHERE}/operations/filters"),
        ("GET", "/platform/v1/organizations/x/environments"),
        ("POST", "/endpoint"),
        ("POST", "/query"),
    ):
        answer = house.call(method, path, by=None)
        assert (answer.status, answer.headers["www-authenticate"].split()[0]) == (401, "Bearer"), path


def test_401_for_an_expired_token(breakable: House) -> None:
    made, token = breakable.destination(), breakable.token("engineer", fresh=True)
    path = f"/platform/v1/destinations/{made['id']}"
    breakable.clock.ahead_ms = 298_000
    assert breakable.call("GET", path, token=token).status == 200
    breakable.clock.ahead_ms = 301_000
    answer = breakable.call("GET", path, token=token)
    assert (answer.status, "www-authenticate" in answer.headers) == (401, True)


def test_401_for_a_revoked_key(breakable: House) -> None:
    made = breakable.destination()
    path = f"/platform/v1/destinations/{made['id']}"
    assert breakable.call("GET", path).status == 200
    client_id = breakable.household.clients["engineer"]
    breakable.run(breakable.waypost.people.users.revoke_key(operator("users keys revoke"), client_id))
    answer = breakable.call("GET", path)
    assert (answer.status, "www-authenticate" in answer.headers) == (401, True)


def test_401_for_the_token_of_a_deleted_api_key(breakable: House) -> None:
    assert breakable.call("POST", "/endpoint", {}, by="source").status == 400
    client_id = breakable.household.clients["source"]
    assert breakable.read(lambda tx: apikeys.get(tx, client_id)) is not None
    assert breakable.call("DELETE", f"/platform/v1/apikeys/{client_id}").status == 200
    answer = breakable.call("POST", "/endpoint", {}, by="source")
    assert (answer.status, "www-authenticate" in answer.headers) == (401, True)


def test_403_for_a_users_token_on_the_message_path(house: House) -> None:
    answer = house.call("POST", "/endpoint", {})
    assert (answer.status, answer.json["Meta"]["Errors"][0]["ID"]) == (403, 403)


def test_403_for_a_sources_token_on_the_platform(house: House) -> None:
    for path in (f"/platform/v1/destinations/{NOWHERE}", "/platform/v1/organizations", "/waypost/v1/queues/x"):
        assert house.call("GET", path, by="source").status == 403, path


def test_413_for_a_body_without_a_declared_length(house: House, made: dict[str, Any]) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    head = _head(house, f"PATCH /platform/v1/destinations/{made['id']}", "Transfer-Encoding: chunked")
    with socket.create_connection(("127.0.0.1", house.port), timeout=10) as connection:
        connection.sendall(head.replace(b"Connection: close\r\n", b"") + chunk * 16)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_413_at_once_when_the_declared_length_is_too_long(house: House, made: dict[str, Any]) -> None:
    head = _head(house, f"PATCH /platform/v1/destinations/{made['id']}", "Content-Length: 1000001")
    assert _raw(house, head).startswith(b"HTTP/1.1 413 ")


def test_413_on_the_message_path_begins_at_10_mb(house: House) -> None:
    for size, status in ((10_000_000, 400), (10_000_001, 413)):
        assert house.call("POST", "/endpoint", b"{" + b" " * (size - 2) + b"}", by="source").status == status


def test_429_says_the_limit_and_when_to_come_back(breakable: House) -> None:
    made = breakable.destination()
    path = f"/platform/v1/destinations/{made['id']}"
    breakable.waypost.faces.http.state.limits = Limits({"platform": 3, "endpoint": 2})
    answers = [breakable.call("GET", path) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json["type"] == "/problems/rate_limited"
    assert answers[3].headers["x-ratelimit-limit"] == "3"
    assert 1 <= int(answers[3].headers["retry-after"]) <= 300
    assert breakable.call("GET", path, by="viewer").status == 200


def test_429_on_the_message_path_has_the_same_headers(breakable: House) -> None:
    breakable.waypost.faces.http.state.limits = Limits({"platform": 3, "endpoint": 2})
    answers = [breakable.call("POST", "/endpoint", {}, by="source") for _ in range(3)]
    assert [answer.status for answer in answers] == [400, 400, 429]
    assert (answers[2].headers["x-ratelimit-limit"], "retry-after" in answers[2].headers) == ("2", True)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/auth/token"),
        ("POST", "/auth/authenticate"),
        ("POST", "/auth/refreshToken"),
        ("GET", f"/waypost/v1/credentials/{NOWHERE}/jwks.json"),
        ("GET", f"/waypost/v1/credentials/{NOWHERE}/.well-known/openid-configuration"),
    ],
)
def test_429_where_no_token_is_asked_for_counts_the_address(breakable: House, method: str, path: str) -> None:
    breakable.waypost.faces.http.state.limits = Limits({"open": 2})
    answers = [breakable.call(method, path, by=None) for _ in range(3)]
    assert 429 not in {answer.status for answer in answers[:2]}
    assert (answers[2].status, answers[2].json["type"]) == (429, "/problems/rate_limited")
    assert (answers[2].headers["x-ratelimit-limit"], "retry-after" in answers[2].headers) == ("2", True)
    assert breakable.call("GET", "/health/live", by=None).status == 200


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("unknown", "unknown", True),
    ],
)
def test_addresses_that_one_caller_has_all_of_are_counted_together(one: str, other: str, together: bool) -> None:
    limits = Limits({"open": 1})
    limits.count_open(one)
    if not together:
        limits.count_open(other)
        return
    with pytest.raises(RateLimited):
        limits.count_open(other)


def test_503_says_when_to_come_back_while_the_store_is_away(breakable: House) -> None:
    made = breakable.destination()
    path = f"/platform/v1/destinations/{made['id']}"
    for who in ("engineer", "viewer", "source"):
        breakable.token(who)
    breakable.run(breakable.waypost.ground.db.close())
    for answer in (
        breakable.call("GET", path),
        breakable.call("PATCH", path, {"name": "Laboratory"}),
        breakable.call("PATCH", path, {"name": "Laboratory"}, by="viewer"),
        breakable.call("POST", "/endpoint", {"Meta": {}}, by="source"),
        breakable.call("GET", "/health/ready", by=None),
    ):
        assert (answer.status, int(answer.headers["retry-after"]) > 0) == (503, True)
        assert len(answer.headers["x-request-id"]) == 36
    assert breakable.call("GET", "/health/live", by=None).status == 200


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /platform/v1/destinations/%zz%", 404),
        ("GET /platform/v1/destinations/%ff%fe", 404),
        ("GET /platform/v1/destinations/%00", 404),
        ("GET /platform/v1/destinations/%F0%9F%8F%A5", 404),
        ("GET /platform/v1/destinations/" + "x" * 60_000, 404),
        ("GET /platform/v1/destinations/a%2Fb", 404),
        ("PUT /platform/v1/destinations/a%3Fb%23c", 405),
        ("GET //platform/v1/destinations/{id}", 404),
        ("GET /platform/v1/../v1/destinations/{id}", 404),
        ("GET /platform/v1/destinations/{id}/", 404),
        ("GET /platform/v1/destinations/{id}?" + "x" * 60_000, 200),
        ("GET /platform/v1/destinations/{id}?%00=%ff&&==", 200),
        ("GET http://elsewhere.example.com/platform/v1/destinations/{id}", 200),
        ("OPTIONS *", 404),
        ("HEAD /platform/v1/destinations/{id}", 405),
        ("GET /platform/v1/organizations/-1/environments", 404),
        (f"GET /platform/v1/organizations/{'9' * 100}/environments", 404),
        ("GET /platform/v1/organizations/%D9%A1/environments", 404),
        ("GET /platform/v1/organizations/1.0/environments", 404),
        (f"GET {ENVIRONMENT}/subscriptions?_page=x&_count=-1&isAscending=maybe", 400),
        (f"GET {ENVIRONMENT}/subscriptions?_page={'9' * 5_000}", 400),
        (f"GET {ENVIRONMENT}/subscriptions?_page=1.5", 400),
        (f"GET {ENVIRONMENT}/subscriptions?_page=%D9%A1", 400),
        (f"GET {ENVIRONMENT}/subscriptions?_count=0", 400),
        (f"GET {ENVIRONMENT}/subscriptions?_count=51", 400),
        (f"GET {ENVIRONMENT}/subscriptions?{'&'.join(['_page=1'] * 5_000)}", 200),
        ("GET /platform/v1/organizations/1/audit-events?startDateTime=9999-99-99", 400),
        ("GET /platform/v1/organizations/1/audit-events?startDateTime=0001-01-01T00:00:00%2B23:59", 200),
        ("GET /platform/v1/organizations/1/audit-events?userId=1e3", 400),
        ("DELETE /platform/v1/destinations/{id}?reason=%00", 400),
    ],
)
def test_an_odd_address_is_never_a_fault_of_ours(
    house: House, made: dict[str, Any], line: str, status: int
) -> None:
    line = line.replace("{id}", made["id"]).replace("{env}", house.environments["Development"])
    who = "owner" if "audit" in line else "engineer"
    answer = _raw(house, _head(house, line, "Content-Length: 0", by=who))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:300]
    assert b"x-request-id: " in answer


@pytest.mark.parametrize("host", [b"", b"[", b"[::1", b"a/b?c#d", b"\xff\xfe", b"x" * 10_000, b"a:b:c", b"a@b"])
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_an_odd_host_is_never_a_fault_of_ours(
    house: House, made: dict[str, Any], host: bytes, method: str
) -> None:
    path = f"/platform/v1/destinations/{made['id']}"
    head = _head(house, f"{method} {path}", "Content-Length: 0").replace(b"Host: x", b"Host: " + host)
    answer = _raw(house, head)
    assert answer.startswith(b"HTTP/1.1 200 " if method == "GET" else b"HTTP/1.1 405 "), answer[:300]
    if method != "GET":
        assert f'"instance":"{path}"'.encode() in answer
        assert b"allow: DELETE, GET, PATCH\r\n" in answer


@pytest.mark.parametrize(
    "header",
    [
        "Content-Length: -1",
        "Content-Length: +2",
        "Content-Length: x",
        "Content-Length: \xb2",
        "Content-Length: 0x2",
        "Content-Length: 2, 2",
        "Content-Length: 99999999999999999999999",
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: 2\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked, gzip",
        "Content-Length: 2\r\nIf-Match: \x01",
        "Content-Length : 2",
        "Content-Length: 2\r\n folded: header",
    ],
)
def test_an_odd_length_is_never_a_fault_of_ours(house: House, made: dict[str, Any], header: str) -> None:
    path = f"/platform/v1/destinations/{made['id']}"
    answer = _raw(house, _head(house, f"PATCH {path}", header) + b"{}")
    assert answer[9:12] in {b"400", b"200"}, answer[:300]


def _head(house: House, line: str, *headers: str, by: str = "engineer") -> bytes:
    usual = [f"Authorization: Bearer {house.token(by)}", "Content-Type: application/json", "Connection: close"]
    return "\r\n".join([f"{line} HTTP/1.1", "Host: x", *usual, *headers, "", ""]).encode("latin-1")


def _raw(house: House, data: bytes) -> bytes:
    """What the server answers to exactly these bytes."""
    with socket.create_connection(("127.0.0.1", house.port), timeout=10) as connection:
        connection.sendall(data)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer
