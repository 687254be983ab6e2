"""What the fields of a source may hold."""

from typing import Any

import pytest

from tests.sources.conftest import Served

REGIONS = ["AWS_USA_EAST_1", "AWS_CAN_CENTRAL", "GCP_USA_CENTRAL_1"]
FORMATS = ["HL7V2", "JSON", "Custom", "X12", "X12v2", "XML (to JSON)"]
ZONES = ["UTC", "America/Chicago", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "US/Central"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("serviceRegion", one) for one in REGIONS]
    + [("dataFormat", one) for one in FORMATS]
    + [("timeZone", one) for one in ZONES],
)
def test_every_documented_value_is_taken(sources: Served, field: str, value: str) -> None:
    made = sources.made(**{field: value})
    assert sources.one("GET", made["id"]).payload["source"][field] == value


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", None, "wrong_type"),
        ("name", "", "string_too_short"),
        ("name", " \t ", "blank"),
        ("name", "a" * 256, "string_too_long"),
        ("name", "a\nb", "invalid_character"),
        ("name", "a\x00b", "invalid_character"),
        ("name", ["a"], "wrong_type"),
        ("serviceRegion", "aws_usa_east_1", "literal_error"),
        ("serviceRegion", "", "literal_error"),
        ("serviceRegion", 1, "literal_error"),
        ("dataFormat", "XML", "literal_error"),
        ("ehr", "", "string_too_short"),
        ("ehr", "a" * 256, "string_too_long"),
        ("ehr", 5, "wrong_type"),
        ("timeZone", "", "invalid_time_zone"),
        ("timeZone", "Mars/Olympus", "invalid_time_zone"),
        ("timeZone", "America", "invalid_time_zone"),
        ("timeZone", "../../etc/passwd", "invalid_time_zone"),
        ("timeZone", "/etc/localtime", "invalid_time_zone"),
        ("timeZone", "America//Chicago", "invalid_time_zone"),
        ("timeZone", "tzdata.zi", "invalid_time_zone"),
        ("timeZone", "UTC\n", "invalid_time_zone"),
        ("timeZone", "UTC\x00", "invalid_time_zone"),
        ("timeZone", "a" * 5000, "invalid_time_zone"),
        ("timeZone", 5, "wrong_type"),
        ("setupState", [], "wrong_type"),
        ("setupState", "done", "wrong_type"),
    ],
)
def test_anything_else_is_refused_by_name_and_not_repeated(
    sources: Served, field: str, value: Any, code: str
) -> None:
    answer = sources.create({"name": "Epic", field: value})
    assert (answer.status, answer.faults) == (400, [(f"/{field}", code)])
    assert "passwd" not in answer.body.decode()


@pytest.mark.parametrize(
    ("setup", "faults"),
    [
        ({}, [("/setupState/step", "required")]),
        ({"step": None}, [("/setupState/step", "wrong_type")]),
        ({"step": "a" * 65}, [("/setupState/step", "string_too_long")]),
        ({"step": "s", "dataFormat": "XML"}, [("/setupState/dataFormat", "literal_error")]),
        ({"step": "s", "serviceRegion": "x"}, [("/setupState/serviceRegion", "literal_error")]),
        ({"step": "s", "source": {}}, [("/setupState/source", "unknown_field")]),
    ],
)
def test_a_set_up_state_has_a_step_and_the_documented_fields(
    sources: Served, setup: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    made = sources.made()
    for answer in (
        sources.create({"name": "Epic", "setupState": setup}),
        sources.one("PATCH", made["id"], {"setupState": setup}),
    ):
        assert (answer.status, answer.faults) == (400, faults)


def test_what_only_an_answer_has_is_unknown_on_create(sources: Served) -> None:
    answer = sources.create({"id": "x", "environment": {}, "hasSecret": True})
    assert sorted(answer.faults) == [
        ("/environment", "unknown_field"),
        ("/hasSecret", "unknown_field"),
        ("/id", "unknown_field"),
        ("/name", "required"),
    ]


@pytest.mark.parametrize("body", [[], "name", 3])
def test_a_body_is_an_object(sources: Served, body: Any) -> None:
    made = sources.made()
    for answer in (sources.create(body), sources.one("PATCH", made["id"], body)):
        assert (answer.status, answer.faults) == (400, [("", "wrong_type")])
