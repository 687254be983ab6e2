"""The list of audit events: who may read it, filters, paging and links."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.conftest import SetClock
from tests.support import tenants
from tests.support.serving import Answer, Client, Serving
from tests.support.tenants import Tenant

from waypost.access import Caller, OrganizationRole, Source, User
from waypost.audit import store as audit
from waypost.clock import iso
from waypost.db.database import Database, Tx
from waypost.roles import audit_events

ROLES = tuple(OrganizationRole)


class Listing:
    """An organization's events over HTTP."""

    def __init__(self, db: Database, clock: SetClock, tenant: Tenant, call: Client) -> None:
        self.db, self.clock, self.tenant, self.call = db, clock, tenant, call
        self.start = clock.now_ms()

    async def record(self, count: int, type_: str = "source-created", user: int = 1, **more: Any) -> None:
        """Events a second apart."""
        caller = Caller(User(user, f"client-{user}"), "10.0.0.9", "request-1", "POST /x")

        def write(tx: Tx) -> None:
            for n in range(count):
                self.clock.advance(1)
                audit.record(
                    tx, caller, type_, organization_id=self.tenant.id, now_ms=self.clock.now_ms(),
                    details={"n": n}, **more,
                )  # fmt: skip

        await self.db.write(write)

    def get(self, query: str = "", token: str = "owner", organization: object = None) -> Answer:
        number = self.tenant.id if organization is None else organization
        return self.call("GET", f"/platform/v1/organizations/{number}/audit-events{query}", token=token)

    def numbers(self, query: str) -> list[int]:
        return [event["details"]["n"] for event in self.get(query).payload["results"]]


@pytest.fixture
async def listing(db: Database, clock: SetClock) -> AsyncIterator[Listing]:
    tenant = await tenants.found(db, clock)
    known = {role.value: User(n, role.value, {tenant.id: role}) for n, role in enumerate(ROLES)}
    authenticate = tenants.words({**known, "source": Source("s", tenant.development)})
    with Serving(tenants.app([audit_events.router(db)], authenticate)) as serving:
        yield Listing(db, clock, tenant, serving.client)


async def test_an_event_has_the_documented_fields(listing: Listing) -> None:
    await listing.record(1, environment_id=listing.tenant.development)
    (event,) = listing.get().payload["results"]
    assert len(event.pop("id")) == 36
    assert event == {
        "organizationId": listing.tenant.id,
        "userId": 1,
        "requestIp": "10.0.0.9",
        "route": "POST /x",
        "createdAt": iso(listing.clock.now_ms()).replace("Z", "+00:00"),
        "type": "source-created",
        "status": "successful",
        "details": {
            "n": 0,
            "environmentId": listing.tenant.development,
            "requestId": "request-1",
            "clientId": "client-1",
        },
    }


async def test_pages_go_from_the_newest_to_the_oldest(listing: Listing) -> None:
    await listing.record(5)
    base = f"/organizations/{listing.tenant.id}/audit-events"

    def link(number: int) -> str:
        return f"{base}?_page={number}&_count=2"

    first = listing.get("?_page=1&_count=2")
    assert [event["details"]["n"] for event in first.payload["results"]] == [4, 3]
    assert first.json["meta"] == {
        "version": "1.0.0",
        "page": {
            "currentPage": 1,
            "pageType": "offset",
            "pageSize": 2,
            "links": {"self": link(1), "next": link(2), "first": link(1), "last": link(3)},
        },
    }
    middle = listing.get("?_page=2&_count=2").json["meta"]["page"]["links"]
    assert middle == {"self": link(2), "next": link(3), "prev": link(1), "first": link(1), "last": link(3)}
    last = listing.get("?_page=3&_count=2")
    assert [event["details"]["n"] for event in last.payload["results"]] == [0]
    assert "next" not in last.json["meta"]["page"]["links"]


async def test_fifty_are_on_a_page_by_default_and_at_most(listing: Listing) -> None:
    await listing.record(51)
    answer = listing.get()
    assert len(answer.payload["results"]) == 50
    assert answer.json["meta"]["page"]["pageSize"] == 50
    assert answer.json["meta"]["page"]["links"]["next"].endswith("?_page=2&_count=50")


async def test_following_next_visits_every_event_once_and_keeps_the_filters(listing: Listing) -> None:
    await listing.record(7)
    await listing.record(3, type_="user-added")
    query, seen = "?_count=3&actionType=source-created&actionType=x+%26y", []
    while query:
        answer = listing.get(query)
        seen += [event["details"]["n"] for event in answer.payload["results"]]
        query = (
            answer.json["meta"]["page"]["links"]
            .get("next", "")
            .removeprefix(f"/organizations/{listing.tenant.id}/audit-events")
        )
        assert not query or "actionType=source-created" in query
    assert seen == [6, 5, 4, 3, 2, 1, 0]


async def test_an_empty_list_and_a_page_past_the_end(listing: Listing) -> None:
    assert listing.get().payload == {"results": []}
    await listing.record(1)
    past = listing.get("?_page=9")
    assert past.payload == {"results": []}
    assert set(past.json["meta"]["page"]["links"]) == {"self", "prev", "first", "last"}


async def test_filters_by_type_user_and_status(listing: Listing) -> None:
    await listing.record(1, type_="user-added", user=1)
    await listing.record(2, type_="user-removed", user=2)
    await listing.record(3, type_="source-created", user=2, status="refused")
    assert listing.numbers("?actionType=user-added") == [0]
    assert listing.numbers("?actionType=user-added&actionType=user-removed") == [1, 0, 0]
    assert listing.numbers("?userId=2&status=successful") == [1, 0]
    assert listing.numbers("?status=refused") == [2, 1, 0]
    assert listing.numbers("?userId=3") == []


async def test_filters_by_time_take_in_both_ends(listing: Listing) -> None:
    await listing.record(4)
    first, last = iso(listing.start + 2000), iso(listing.start + 3000)
    assert listing.numbers(f"?startDateTime={first}&stopDateTime={last}") == [2, 1]
    shown = last.replace("Z", "+00:00")  # as the list itself shows it, its plus sign not escaped
    assert listing.numbers(f"?startDateTime={shown}") == [3, 2]
    assert listing.numbers("?stopDateTime=2001-01-01") == []


async def test_every_bad_parameter_is_named_at_once(listing: Listing) -> None:
    answer = listing.get("?_page=0&_count=51&userId=x&startDateTime=noon&stopDateTime=&status=")
    assert answer.status == 400
    named = {pointer for pointer, _ in answer.faults}
    assert named == {"/_page", "/_count", "/userId", "/startDateTime", "/stopDateTime", "/status"}
    assert "noon" not in answer.body.decode()


@pytest.mark.parametrize(
    "query",
    [
        "?_page=99999999999999999999",
        "?userId=9223372036854775808",
        "?userId=-1",
        "?_count=0",
        "?_page=NaN",
        "?startDateTime=9999-99-99",
        "?stopDateTime=0001-01-01T00:00:00%2B99:99",
        "?actionType=" + "x" * 65,
        "?" + "&".join(["actionType=x"] * 51),
    ],
)
async def test_no_parameter_is_ever_too_much_for_it(listing: Listing, query: str) -> None:
    assert listing.get(query).status == 400


async def test_owners_and_admins_read_it_and_members_hear_which_role_is_needed(listing: Listing) -> None:
    assert listing.get(token="owner").status == 200
    assert listing.get(token="admin").status == 200
    refused = listing.get(token="member")
    assert refused.status == 403
    assert "admin or owner" in refused.json["detail"]
    assert listing.get(token="source").status == 403
    assert listing.get(token="unknown").status == 401


async def test_other_organizations_and_what_is_no_number_are_not_found(listing: Listing) -> None:
    for number in (listing.tenant.id + 1, "x", "9" * 30):
        assert listing.get(organization=number).status == 404
