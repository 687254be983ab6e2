"""Which changes of the API are incompatible, as a table."""

from copy import deepcopy
from typing import Any

import pytest

from manual.changes import incompatible


def bucket(provider: str, product: str, *, longest: int = 63) -> dict[str, Any]:
    """A shape that stands in its place, told from its alternatives by two members of one value each."""
    return {
        "type": "object",
        "properties": {
            "typeId": {"type": "string", "const": provider},
            "productId": {"type": "string", "enum": [product]},
            "bucket": {"type": "string", "maxLength": longest},
        },
        "required": ["typeId", "productId", "bucket"],
    }


A_X, A_Y, B_X, B_Z = bucket("a", "x"), bucket("a", "y"), bucket("b", "x"), bucket("b", "z")
UNTOLD = {"type": "object", "title": "Bucket", "properties": {"bucket": {"type": "string"}}}
THING: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "maxLength": 255},
        "state": {"type": "string", "enum": ["on", "off"]},
        "count": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
        "shape": {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("Round", "Square")]},
        "store": {"oneOf": [A_X, A_Y, B_X]},
    },
}
ROUND = {"type": "object", "properties": {"radius": {"type": "number"}}, "required": ["radius"]}
SQUARE = {"type": "object", "properties": {"side": {"type": "number"}}, "required": ["side"]}
FLAT = {"type": "object", "properties": {"depth": {"type": "number"}}, "required": ["depth"]}
SHOWN_THING = {**THING, "properties": {**THING["properties"], "parts": {"type": "array"}}}
OLD: dict[str, Any] = {
    "paths": {
        "/things/{id}": {
            "patch": {
                "operationId": "updateThing",
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "dry", "in": "query", "schema": {"type": "boolean"}},
                ],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
                },
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Shown"}}}},
                    "404": {"description": "Not Found"},
                },
            }
        }
    },
    "components": {
        "schemas": {"Thing": THING, "Shown": deepcopy(SHOWN_THING), "Round": ROUND, "Square": SQUARE, "Flat": FLAT}
    },
}
REQUEST, SHOWN = ("components", "schemas", "Thing"), ("components", "schemas", "Shown")
OPERATION = ("paths", "/things/{id}", "patch")
GONE = object()
SHAPES = [{"$ref": f"#/components/schemas/{name}"} for name in ("Flat", "Round", "Square")]
SHOWN_STORES = (*SHOWN, "properties", "store", "oneOf")
STORES = (*REQUEST, "properties", "store", "oneOf")
NAME = "PATCH /things/{id}"


def changed(*path: Any, to: Any = GONE) -> dict[str, Any]:
    """The document with this place of it changed, or gone."""
    new = deepcopy(OLD)
    *way, last = path
    place: Any = new
    for step in way:
        place = place[step]
    if to is GONE:
        del place[last]
    else:
        place[last] = to
    return new


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (changed("paths", "/things/{id}"), f"{NAME} is gone"),
        (changed(*OPERATION), f"{NAME} is gone"),
        (changed(*OPERATION, "operationId", to="x"), f"{NAME}: it is x now, no longer updateThing"),
        (changed(*OPERATION, "parameters", 1), f"{NAME}: the parameter dry is gone"),
        (changed(*OPERATION, "parameters", 1, "required", to=True), f"{NAME}: the parameter dry is now required"),
        (
            changed(*OPERATION, "parameters", 1, "schema", "type", to="string"),
            f"{NAME}: the request's dry may no longer be boolean",
        ),
        (changed(*OPERATION, "requestBody"), f"{NAME}: the request has no body any more"),
        (changed(*OPERATION, "requestBody", "required", to=True), f"{NAME}: the request's body is now required"),
        (
            changed(*OPERATION, "requestBody", "content", to={"text/plain": {}}),
            f"{NAME}: the request is no longer application/json",
        ),
        (changed(*OPERATION, "responses", "200"), f"{NAME}: it no longer answers 200"),
        (changed(*REQUEST, "properties", "state"), f"{NAME}: the request's/state is gone"),
        (changed(*REQUEST, "required", to=["name", "state"]), f"{NAME}: the request's/state is now required"),
        (
            changed(*REQUEST, "properties", "state", "enum", to=["on"]),
            f"{NAME}: the request's/state may no longer be 'off'",
        ),
        (
            changed(*REQUEST, "properties", "count", to={"type": "integer", "minimum": 0}),
            f"{NAME}: the request's/count may no longer be null",
        ),
        (
            changed(*REQUEST, "properties", "count", "anyOf", 0, "minimum", to=1),
            f"{NAME}: the request's/count: minimum is now 1",
        ),
        (
            changed(*REQUEST, "properties", "name", "maxLength", to=100),
            f"{NAME}: the request's/name: maxLength is now 100",
        ),
        (
            changed(*REQUEST, "properties", "name", "pattern", to="^a"),
            f"{NAME}: the request's/name: it has to fit another pattern",
        ),
        (
            changed(*REQUEST, "properties", "parts", "items", to={"type": "string"}),
            f"{NAME}: the request's/parts/… may no longer be object",
        ),
        (
            changed(*REQUEST, "properties", "shape", "oneOf", 0),
            f"{NAME}: the request's/shape may no longer be Round",
        ),
        (changed(*SHOWN, "properties", "shape", "oneOf", 0), f"{NAME}: the answer's/shape may no longer be Round"),
        (
            changed(*SHOWN, "properties", "shape", "oneOf", to=SHAPES),
            f"{NAME}: the answer's/shape may now be Flat",
        ),
        (
            changed(*STORES, to=[A_X, B_X, B_Z]),
            f"{NAME}: the request's/store may no longer be object of typeId 'a' and productId 'y'",
        ),
        (
            changed(*SHOWN_STORES, to=[B_X, A_X]),
            f"{NAME}: the answer's/store may no longer be object of typeId 'a' and productId 'y'",
        ),
        (
            changed(*STORES, to=[A_X, bucket("a", "y", longest=20), B_X]),
            f"{NAME}: the request's/store (object of typeId 'a' and productId 'y')/bucket: maxLength is now 20",
        ),
        (
            changed(*SHOWN_STORES, to=[A_X, A_Y, B_X, A_Y]),
            f"{NAME}: the answer's/store may now be object of typeId 'a' and productId 'y'",
        ),
        (
            changed(*SHOWN_STORES, to=[A_X, A_Y, B_X, UNTOLD]),
            f"{NAME}: the answer's/store may now be Bucket",
        ),
        (
            changed(*SHOWN_STORES, to=[A_X, A_Y, B_X, {"type": "null"}]),
            f"{NAME}: the answer's/store may now be null",
        ),
        (changed(*SHOWN, "properties", "name"), f"{NAME}: the answer's/name is gone"),
        (changed(*SHOWN, "required", to=[]), f"{NAME}: the answer's/name may now be missing"),
        (
            changed(*SHOWN, "properties", "name", to={"anyOf": [{"type": "string"}, {"type": "null"}]}),
            f"{NAME}: the answer's/name may now be null",
        ),
        (
            changed(*SHOWN, "properties", "state", "enum", to=["on"]),
            f"{NAME}: the answer's/state may no longer be 'off'",
        ),
    ],
)
def test_an_incompatible_change_is_named(new: dict[str, Any], said: str) -> None:
    assert incompatible(OLD, new)[:1] == [said]


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        changed("paths", "/other", to={"get": {"operationId": "x", "responses": {}}}),
        changed(*OPERATION, "parameters", 1, "description", to="Only look."),
        changed(*OPERATION, "responses", "404"),
        changed(*OPERATION, "responses", "409", to={"description": "Conflict"}),
        changed(*REQUEST, "properties", "more", to={"type": "string"}),
        changed(*REQUEST, "required", to=[]),
        changed(*REQUEST, "properties", "name", "maxLength"),
        changed(*REQUEST, "properties", "name", "maxLength", to=1000),
        changed(*REQUEST, "properties", "state", "enum", to=["on", "off", "half"]),
        changed(*REQUEST, "properties", "state", "enum"),
        changed(*REQUEST, "properties", "count", "anyOf", 0, "type", to="number"),
        changed(*REQUEST, "properties", "shape", "oneOf", to=SHAPES),
        changed(*STORES, to=[B_Z, B_X, A_Y, A_X]),
        changed(*STORES, to=[A_X, A_Y, B_X, UNTOLD]),
        changed(*SHOWN_STORES, to=[B_Z, B_X, A_Y, A_X]),
        changed(*SHOWN_STORES, to=[A_X, bucket("a", "y", longest=20), B_X]),
        changed(*SHOWN, "properties", "more", to={"type": "string"}),
        changed(*SHOWN, "properties", "state", "enum", to=["on", "off", "half"]),
        changed(*SHOWN, "required", to=["name", "state"]),
    ],
)
def test_a_compatible_change_is_not(new: dict[str, Any]) -> None:
    assert incompatible(OLD, new) == []
