"""Every operation of the OpenAPI document, with what fits it and what does not: `make torture`, for a few cases.

The same cases each time. `python -m torture hostile` makes many more of them.
"""

from collections.abc import Iterator

import pytest
from tests.support.house import House

from torture.contract import CLOSED_PROXY, MESSAGES, Contract
from torture.inside import asking
from torture.walks import walk
from waypost.web.rates import Limits

CASES = 5
WALKS = 12


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contract]:
    with House(tmp_path_factory.mktemp("contract"), deliver=False, egress_proxy=CLOSED_PROXY) as house:
        yield Contract(house, asking(house))


def test_every_answer_is_one_that_the_document_has(contract: Contract) -> None:
    for number, operation in enumerate(contract.operations()):
        contract.try_operation(operation, CASES, number)
    assert contract.tally.broken == {}
    assert contract.tally.cases >= CASES * len(contract.tally.statuses) > 300


def test_the_links_of_the_document_lead_from_what_was_made_to_what_can_be_done_with_it(contract: Contract) -> None:
    before = contract.tally.cases
    walk(contract, WALKS, 1)
    assert contract.tally.broken == {}
    assert contract.tally.cases > before + WALKS


def test_every_documented_refusal_can_be_had_of_every_operation(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with House(tmp_path_factory.mktemp("refusals"), deliver=False, egress_proxy=CLOSED_PROXY) as house:
        made = Contract(house, asking(house))
        found = {place: _refusals(made, *place) for place in made.paths()}
        house.waypost.faces.http.state.limits = Limits({"platform": 0, "endpoint": 0, "open": 0})
        for method, path in made.paths():
            found[method, path].add(made.plainly(method, path))
        house.waypost.faces.http.state.limits = Limits("roomy")
        house.clock.ahead_ms = 10_000  # who calls is looked up again
        house.run(house.waypost.ground.db.close())
        for method, path in made.paths():
            found[method, path].add(made.plainly(method, path))
    documented = {
        place: {int(status) for status in operation["responses"]} & PROVOKED
        for place, operation in made.paths().items()
    }
    missing = {place: documented[place] - statuses for place, statuses in found.items()}
    unknown = {place: (statuses & PROVOKED) - documented[place] for place, statuses in found.items()}
    asked_well = {place: few for place, few in missing.items() if few and place[1] not in GIVE_TOKENS}
    assert (asked_well, {place: few for place, few in unknown.items() if few}) == ({}, {})


def _refusals(contract: Contract, method: str, path: str) -> set[int]:
    """Which refusals the operation has for a caller, a length and a media type that are wrong."""
    wrong = "engineer" if path in MESSAGES else "source"
    has_body = method != "GET"
    found = {contract.plainly(method, path, by="nobody"), contract.plainly(method, path, by=wrong)}
    if has_body:
        found.add(contract.plainly(method, path, content_length="999000000"))
        found.add(contract.plainly(method, path, content_type="text/plain"))
    return found


PROVOKED = {401, 403, 413, 415, 429, 503}
"""What can be had of an operation without knowing what it does; 400, 404, 409 and 412 are of each one's own."""
GIVE_TOKENS = ("/v2/auth/token", "/auth/authenticate", "/auth/refreshToken")
"""They look into the store for a well-formed request only."""
