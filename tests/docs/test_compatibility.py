"""docs/compatibility.md, held against the vendor's operations and against the application's routes."""

import re
from collections import Counter
from pathlib import Path

import pytest

from waypost.web.document import vendor
from waypost.web.document.unbuilt import shape

Route = tuple[str, str]

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "compatibility.md").read_text()


def section(title: str) -> str:
    return TEXT.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of each table row, headings left out."""
    lines = re.findall(r"^\| (.*)\|$", text, re.MULTILINE)
    return [
        [cell.strip() for cell in line.split("|")]
        for line in lines
        if not line.startswith(("Operation ", "Request "))
    ]


def request_of(cell: str) -> Route:
    method, path = cell.strip("`").split(" ")
    return method, shape(path)


@pytest.fixture(scope="module")
def operations() -> list[tuple[str, list[str]]]:
    """Group and cells of each operation's row."""
    groups = re.split(r"^### ", section("Operations"), flags=re.MULTILINE)[1:]
    return [(group.splitlines()[0], row) for group in groups for row in rows(group)]


@pytest.fixture(scope="module")
def ours() -> dict[Route, str]:
    return {request_of(row[0]): row[1] for row in rows(section("Routes of ours"))}


def test_every_operation_of_the_vendor_has_its_row(operations: list[tuple[str, list[str]]]) -> None:
    written = Counter((group, *row[:3]) for group, row in operations)
    known = Counter(
        (one.group, one.name, f"`{one.method} {one.path}`" if one.path else "not public", one.sure.value)
        for one in vendor.OPERATIONS
    )
    assert written == known


def test_every_row_says_what_works(operations: list[tuple[str, list[str]]]) -> None:
    assert {row[3] for _, row in operations} <= {"works", "partly", "501", "no path"}
    assert all((row[3] == "no path") == (row[1] == "not public") for _, row in operations)


def test_what_works_only_in_part_says_what_is_missing(operations: list[tuple[str, list[str]]]) -> None:
    assert all(row[4] for _, row in operations if row[3] == "partly")


def test_a_row_says_that_it_works_if_and_only_if_there_is_a_route(
    operations: list[tuple[str, list[str]]], served_routes: set[Route]
) -> None:
    written = {request_of(row[1]) for _, row in operations if row[3] in {"works", "partly"}}
    documented = {request_of(row[1]) for _, row in operations if row[3] != "no path"}
    assert sorted(written - served_routes) == []
    assert sorted((served_routes & documented) - written) == []


def test_every_route_of_ours_has_a_row(
    operations: list[tuple[str, list[str]]], ours: dict[Route, str], served_routes: set[Route]
) -> None:
    documented = {request_of(row[1]) for _, row in operations if row[3] != "no path"}
    works = {route for route, here in ours.items() if here != "planned"}
    assert sorted(served_routes - documented - works) == []
    assert sorted(works - served_routes) == []
    assert set(ours.values()) <= {"works", "partly", "planned"}


def test_the_vendors_own_list_has_its_105_operations() -> None:
    assert (len(vendor.INVENTORY), len(set(vendor.INVENTORY))) == (105, 105)


def test_the_readme_says_how_many_of_them_work(operations: list[tuple[str, list[str]]]) -> None:
    listed = {(one.group, one.name) for one in vendor.INVENTORY}
    working = [row for group, row in operations if (group, row[0]) in listed and row[3] in {"works", "partly"}]
    said = re.search(r"Of the 105 operations on Redox's own list, (\d+) work", (ROOT / "README.md").read_text())
    assert said
    assert int(said[1]) == len(working)


def test_no_two_operations_share_a_request() -> None:
    requests = Counter((one.method, shape(one.path)) for one in vendor.OPERATIONS if one.path)
    assert [request for request, times in requests.items() if times > 1] == []
