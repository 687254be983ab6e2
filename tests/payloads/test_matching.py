"""What counts as found in a message."""

import json

import pytest

from waypost.payloads.matching import Term, matches

MESSAGE = {
    "Meta": {"DataModel": "PatientAdmin"},
    "Patient": {
        "Demographics": {"LastName": "Quillfeather", "FirstName": "Zoë", "Weight": 70.5, "Alive": True},
        "Identifiers": [{"ID": "0000000001", "IDType": "MR"}],
    },
    "Visit": {"Reason": "Straße 7", "Number": 4711},
}
BODY = json.dumps(MESSAGE).encode()


@pytest.mark.parametrize(
    ("value", "category", "found"),
    [
        ("Quillfeather", None, True),
        ("quillFEATHER", "patient", True),
        ("feather", "Patient", True),
        ("zoë", None, True),
        ("STRASSE", None, True),
        ("0000000001", "patient", True),
        ("70.5", "patient", True),
        ("4711", None, True),
        ("4711", "patient", False),
        ("4711", "visit", True),
        ("LastName", None, False),
        ("true", None, False),
        ("Nobody", None, False),
        ('"', None, False),
    ],
)
def test_values_are_looked_through_and_names_of_members_are_not(
    value: str, category: str | None, found: bool
) -> None:
    assert matches(BODY, [Term(value, category)]) is found


def test_every_term_must_be_found() -> None:
    assert matches(BODY, [Term("zoë"), Term("4711")])
    assert not matches(BODY, [Term("zoë"), Term("4712")])
    assert matches(BODY, [])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'"Quillfeather"'])
def test_what_is_no_message_has_nothing(body: bytes) -> None:
    assert not matches(body, [Term("Quillfeather")])


def test_depth_does_not_matter() -> None:
    deep = b'{"Patient":' + b'[{"Of":' * 200 + b'"Quillfeather"' + b"}]" * 200 + b"}"
    assert matches(deep, [Term("quillfeather", "patient")])
