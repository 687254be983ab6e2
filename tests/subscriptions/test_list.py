"""List subscriptions: the documented query, page by page."""

from collections.abc import Iterator
from itertools import product

import pytest

from tests.subscriptions.conftest import Served, a_body
from tests.support.rooms import DEVELOPMENT, ELSEWHERE, NOBODYS, ORGANIZATION, OTHER_ORGANIZATION, STAGING


async def _some(served: Served) -> dict[str, str]:
    """Two sources by two destinations by two models; the ids of the ends by name."""
    ends = {name: await served.source(name) for name in ("Epic East", "Cerner_50%")}
    ends |= {name: await served.destination(name) for name in ("Lab", "Über/Archive")}
    sources, destinations = list(ends.values())[:2], list(ends.values())[2:]
    for source_id, destination_id, model in product(sources, destinations, ("Results", "PatientAdmin")):
        assert served.create(a_body(source_id, destination_id, model)).status == 201
    return ends


def _ids(served: Served, query: str) -> list[tuple[str, str, str]]:
    answer = served.list(query)
    assert answer.status == 200, answer.body
    found = answer.payload["subscriptions"]
    return [(one["source"]["id"], one["destination"]["id"], one["dataModel"]) for one in found]


async def test_items_are_as_created_answered_them(served: Served) -> None:
    made = await served.made()
    answer = served.list()
    assert answer.payload == {"subscriptions": [made]}
    page = answer.json["meta"]["page"]
    assert (page["currentPage"], page["pageType"], page["pageSize"]) == (1, "offset", 50)
    assert page["links"]["self"].startswith(f"/environments/{DEVELOPMENT}/subscriptions?")


async def test_every_role_lists(served: Served) -> None:
    made = await served.made()
    for token in ("engineer", "support", "viewer"):
        assert served.list(token=token).payload == {"subscriptions": [made]}


@pytest.mark.parametrize("token", ["owner without a role", "engineer elsewhere"])
def test_without_a_role_there_is_no_such_environment(served: Served, token: str) -> None:
    assert served.list(token=token).status == 404


@pytest.mark.parametrize("environment_id", [ELSEWHERE, NOBODYS, "no-uuid"])
def test_there_is_no_such_environment(served: Served, environment_id: str) -> None:
    assert served.list("", environment_id).status == 404


async def test_only_live_ones_of_this_environment_are_listed(served: Served) -> None:
    gone, kept = await served.made(), await served.made()
    served.one("DELETE", gone["id"])
    assert served.list().payload == {"subscriptions": [kept]}
    assert served.list("", STAGING).payload == {"subscriptions": []}


async def test_by_source_destination_and_model(served: Served) -> None:
    ends = await _some(served)
    epic, lab = ends["Epic East"], ends["Lab"]
    assert {found[0] for found in _ids(served, f"?sourceId={epic}")} == {epic}
    assert len(_ids(served, f"?sourceId={epic}")) == 4
    assert {found[1] for found in _ids(served, f"?destinationId={lab}")} == {lab}
    assert {found[2] for found in _ids(served, "?dataModel=patient%20admin")} == {"PatientAdmin"}
    query = f"?sourceId={epic}&destinationId={lab}&dataModel=RESULTS"
    assert _ids(served, query) == [(epic, lab, "Results")]
    for nothing in (f"?sourceId={NOBODYS}", "?sourceId=no-uuid", f"?destinationId={epic}", "?dataModel=Orders"):
        assert _ids(served, nothing) == []


@pytest.mark.parametrize(
    "field", ["sourceOrganizationId", "destinationOrganizationId", "connectingOrganizationId"]
)
async def test_by_organization(served: Served, field: str) -> None:
    await served.made()
    assert len(_ids(served, f"?{field}={ORGANIZATION}")) == 1
    assert _ids(served, f"?{field}={OTHER_ORGANIZATION}") == []
    assert served.list(f"?{field}=x").status == 400


async def test_by_a_part_of_a_name_or_id(served: Served) -> None:
    ends = await _some(served)
    cerner, archive = ends["Cerner_50%"], ends["Über/Archive"]
    assert {found[0] for found in _ids(served, "?searchTerm=cERNER")} == {cerner}
    assert {found[1] for found in _ids(served, "?searchTerm=%C3%9Cber%2Fa")} == {archive}
    assert {found[1] for found in _ids(served, f"?searchTerm={archive[9:].upper()}")} == {archive}
    assert {found[0] for found in _ids(served, "?searchTerm=r_50%25")} == {cerner}
    assert len(_ids(served, "?searchTerm=a")) == 8
    assert _ids(served, "?searchTerm=East_") == []
    assert _ids(served, "?searchTerm=E%25t") == []


async def test_in_the_order_asked_for(served: Served) -> None:
    ends = await _some(served)
    names = {end_id: name for name, end_id in ends.items()}
    for order, part in (("sourceName", 0), ("destinationName", 1), ("dataModel", 2)):
        for ascending in (True, False):
            found = _ids(served, f"?orderBy={order}&isAscending={str(ascending).lower()}")
            words = [names.get(one[part], one[part]).lower() for one in found]
            assert words == sorted(words, reverse=not ascending)
            assert len(set(words)) == 2
    oldest = _ids(served, "?orderBy=createdAt")
    assert _ids(served, "") == oldest
    assert _ids(served, "?isAscending=false") == oldest[::-1]


def _pages(served: Served, query: str) -> Iterator[list[str]]:
    while query:
        answer = served.list(query)
        yield [one["id"] for one in answer.payload["subscriptions"]]
        query = answer.json["meta"]["page"]["links"].get("next", "").partition("?")[2]
        query = query and f"?{query}"


async def test_pages_hold_each_one_once(served: Served) -> None:
    ends = await _some(served)
    everything = [one["id"] for one in served.list().payload["subscriptions"]]
    pages = list(_pages(served, "?_count=3&orderBy=sourceName"))
    assert [len(page) for page in pages] == [3, 3, 2]
    assert sorted(found for page in pages for found in page) == sorted(everything)
    pages = list(_pages(served, f"?_count=3&sourceId={ends['Epic East']}"))
    assert [len(page) for page in pages] == [3, 1]
    assert list(_pages(served, "?_page=9")) == [[]]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("_count=51", "/_count"),
        ("_count=0", "/_count"),
        ("_page=0", "/_page"),
        ("_page=x", "/_page"),
        ("orderBy=colour", "/orderBy"),
        ("isAscending=perhaps", "/isAscending"),
        ("searchTerm=a%00", "/searchTerm"),
        ("sourceId=" + "a" * 256, "/sourceId"),
        ("sourceOrganizationId=" + "9" * 5000, "/sourceOrganizationId"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(served: Served, query: str, pointer: str) -> None:
    answer = served.list(f"?{query}")
    assert answer.status == 400
    assert [found for found, _ in answer.faults] == [pointer]
    assert "colour" not in answer.body.decode()
