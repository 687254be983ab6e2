"""Which patients a message names, by a subscription's rule."""

import json
from typing import Any

import pytest

from tests.support.wards import MR
from waypost.messages import patients
from waypost.messages.model import MessageInvalid
from waypost.subscriptions.model import path_steps


def mr(*ids: Any) -> list[dict[str, Any]]:
    return [{"ID": each, "IDType": "MR"} for each in ids]


def found(message: Any, path: str = "Patient.Identifiers", kind: str = "MR") -> list[str]:
    return patients.identifiers(json.dumps(message).encode(), {"identifierType": kind, "path": path})


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param({"Patient": {"Identifiers": mr("1")}}, ["1"], id="one"),
        pytest.param(
            {"Patient": {"Identifiers": [*mr("1"), {"ID": "2", "IDType": "EHRID"}]}}, ["1"], id="of the type"
        ),
        pytest.param({"Patient": {"Identifiers": mr("1", "2", "1")}}, ["1", "2"], id="distinct ones"),
        pytest.param(
            {"Patient": {"Identifiers": mr("1"), "PreviousIdentifiers": mr("2")}},
            ["1", "2"],
            id="before a merge too",
        ),
        pytest.param({"Patient": {"Identifiers": [{"ID": " 1 ", "IDType": "mr "}]}}, ["1"], id="spelt otherwise"),
        pytest.param({"Patient": {"Identifiers": mr(7)}}, ["7"], id="a number"),
        pytest.param({"Patient": {"Identifiers": mr("", "  ", None, True, {})}}, [], id="nothing that names"),
        pytest.param(
            {"Patient": {"Identifiers": [None, 1, [], {"IDType": "MR"}, {"ID": "1"}]}}, [], id="not pairs"
        ),
        pytest.param({"Patient": {"Identifiers": {}}}, [], id="no list"),
        pytest.param({"Patient": None}, [], id="no patient"),
        pytest.param({}, [], id="nothing"),
    ],
)
def test_whom_a_message_names(message: Any, expected: list[str]) -> None:
    assert found(message) == expected


def test_lists_on_the_way_are_gone_through() -> None:
    message = {"Payments": [{"Patient": {"Identifiers": mr("1")}}, {"Patient": {"Identifiers": mr("2")}}, None]}
    assert found(message, "$.Payments[*].Patient.Identifiers[*].ID") == ["1", "2"]
    assert found(message, "Payments.Patient.Identifiers") == ["1", "2"]


@pytest.mark.parametrize("path", ["Patient.Identifiers", "$.Patient.Identifiers", "$.Patient.Identifiers[*].ID"])
def test_a_path_may_be_written_as_jsonpath(path: str) -> None:
    assert path_steps(path) == ("Patient", "Identifiers")


@pytest.mark.parametrize("path", ["", "$", ".", "Patient.", "Patient..Identifiers", "Patient[0]", "a b", "$.*"])
def test_what_is_no_path(path: str) -> None:
    assert path_steps(path) is None


def test_so_many_patients_and_no_more() -> None:
    most = patients.MOST_PATIENTS
    assert len(found({"Patient": {"Identifiers": mr(*range(most))}})) == most
    with pytest.raises(MessageInvalid, match="more than 64 patients"):
        found({"Patient": {"Identifiers": mr(*range(most + 1))}})


def test_a_message_that_is_not_json_is_refused() -> None:
    with pytest.raises(MessageInvalid):
        patients.identifiers(b"{" + b"[" * 100_000, MR)
