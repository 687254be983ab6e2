"""What `make docs` makes, the published OpenAPI document above all, held to the code."""

import json
import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

import pytest

from manual import api, drawing
from manual.__main__ import pages
from manual.document import document, written
from manual.publishing import PUBLISHED, RECORD, unrecorded

ANEW = "make it anew: make docs"


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return document()


def test_no_client_breaks_unless_it_is_on_record(made: dict[str, Any]) -> None:
    assert unrecorded(made, PUBLISHED.read_text(), RECORD.read_text()) == []


def test_the_published_document_is_that_of_the_code(made: dict[str, Any]) -> None:
    assert json.loads(PUBLISHED.read_text()) == made, ANEW
    assert PUBLISHED.read_text() == written(made), ANEW


def test_making_everything_anew_changes_nothing(made: dict[str, Any]) -> None:
    """A clean checkout stays clean after `make docs`."""
    files = pages(made)
    assert [path.name for path, text in files.items() if path.read_text() != text] == [], ANEW
    assert len(files) >= 7


def test_shapes_have_names_of_their_own_and_not_of_files(made: dict[str, Any]) -> None:
    """Where two are called alike, FastAPI tells them apart by where they lie."""
    assert [name for name in made["components"]["schemas"] if name.startswith("waypost__")] == []


def test_what_is_on_record_may_change(made: dict[str, Any]) -> None:
    changed = deepcopy(made)
    del changed["paths"]["/endpoint"]
    record = "## Recorded\n\n- 2.0.0: `POST /endpoint is gone`, because of a test.\n"

    assert unrecorded(changed, written(made), "") == ["POST /endpoint is gone"]
    assert unrecorded(changed, written(made), record) == []


def test_a_kind_of_destination_may_come_and_none_may_go(made: dict[str, Any]) -> None:
    """As a fifth one would: a shape more in what is sent and in what is answered."""
    changed = deepcopy(made)
    kinds = changed["components"]["schemas"]["CloudProviderSettings"]["oneOf"]
    acme = deepcopy(kinds[0])
    acme["properties"]["typeId"]["const"] = acme["title"] = "acme"
    kinds.append(acme)

    assert unrecorded(changed, written(made), "") == []
    gone = unrecorded(made, written(changed), "")
    assert len(gone) > 3
    assert [words for words in gone if not re.search("may no longer be object of typeId 'acme' and", words)] == []


def test_the_document_has_nothing_that_the_comparison_does_not_know(made: dict[str, Any]) -> None:
    unknown = {"allOf", "not", "if", "patternProperties", "propertyNames", "prefixItems", "dependentRequired"}
    assert unknown & set(keywords(made["components"]["schemas"].values())) == set()


def keywords(schemas: Iterable[Any]) -> Iterator[str]:
    """Every word of these schemas that is not the name of a property."""
    for schema in schemas:
        if isinstance(schema, dict):
            yield from schema
            named = schema.get("properties", {})
            yield from keywords(
                [*named.values(), *(value for key, value in schema.items() if key != "properties")]
            )
        elif isinstance(schema, list):
            yield from keywords(schema)


def test_every_fate_of_an_attempt_is_drawn() -> None:
    assert {attempt.follows for attempt in drawing.ATTEMPTS} == {"pending", "delivered", "parked"}


def page_of(member: dict[str, Any], **schemas: Any) -> str:
    """The page of a document with one operation, whose body has this `member`."""
    body = {"type": "object", "properties": {"member": member}}
    operation = {
        "tags": ["Things"],
        "summary": "Make a thing",
        "operationId": "makeThing",
        "requestBody": {"content": {"application/json": {"schema": body}}},
        "responses": {"200": {}},
    }
    return api.page({"paths": {"/things": {"post": operation}}, "components": {"schemas": schemas}})


def test_many_shapes_that_stand_in_their_place_are_named_by_their_titles() -> None:
    shapes = [{"type": "object", "title": f"Kind{number}", "properties": {"is": {}}} for number in range(5)]
    union = {"anyOf": [{"$ref": "#/components/schemas/Kinds"}, {"type": "null"}]}

    page = page_of(union, Kinds={"oneOf": shapes})
    assert (
        "| `member` | one of `Kind0`, `Kind1`, `Kind2`, `Kind3`, `Kind4` in [openapi.json](openapi.json) or null |"
        in page
    )


def test_many_shapes_that_are_called_alike_are_named_once() -> None:
    texts = [{"type": "string", "maxLength": length} for length in (1, 2, 3)]
    named = {"$ref": "#/components/schemas/Round"}

    page = page_of({"oneOf": [*texts, named, named]}, Round={"type": "object"})
    assert "| `member` | one of `string`, `Round` in [openapi.json](openapi.json) |" in page
