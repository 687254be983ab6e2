"""The OpenAPI document: what FastAPI knows, the bodies that `JsonBody` declares, and the plain routes."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from waypost.validation import Shown
from waypost.web.document import links
from waypost.web.routes.body import JsonBody


class ProblemFault(Shown):
    """One fault of a request."""

    pointer: str
    code: str
    detail: str


class Problem(Shown):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    meta: dict[str, str]
    errors: list[ProblemFault] | None = None


def problems_of(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can answer these statuses with a problem document."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {"application/problem+json": {"schema": schema}},
        }
        for status in statuses
    }


def document(app: FastAPI, plain: Mapping[str, Any]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of everything the application serves and wants known.

    `plain` holds the path items of plain routes, which FastAPI does not see.
    """
    made = get_openapi(
        title="Waypost",
        version=app.version,
        summary="A self-hosted destination platform for healthcare data.",
        description=_DESCRIPTION,
        routes=app.routes,
        tags=[],
    )
    made["paths"].update(copy.deepcopy(dict(plain)))
    models: list[type[BaseModel]] = [Problem]
    for operation, body in _bodies(app, made):
        models.append(body.model)
        schema = {"$ref": f"#/components/schemas/{body.model.__name__}"}
        operation["requestBody"] = {"required": body.required, "content": {"application/json": {"schema": schema}}}
    components = made.setdefault("components", {})
    components.setdefault("schemas", {}).update(_schemas(models))
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    for name in _FRAMEWORKS:
        components["schemas"].pop(name, None)
    for path, methods in made["paths"].items():
        for operation in methods.values():
            _complete(path, operation)
    links.add(made)
    return made


def _complete(path: str, operation: dict[str, Any]) -> None:
    """Say what holds for every operation: whether it needs a token, and how any may fail."""
    responses = operation["responses"]
    responses.pop("422", None)
    failing = {503}
    if not path.startswith(_OPEN) and not path.endswith(_OPEN_ENDS):
        operation["security"] = [{"bearer": []}]
        failing |= {401, 429} if operation["operationId"] in _FOR_ANY_CALLER else {401, 403, 429}
    if "{" in path:
        failing |= {404}
    if "application/json" in operation.get("requestBody", {}).get("content", {}):
        failing |= {400, 413, 415}
    known = {str(status): response for status, response in problems_of(*failing).items()} | responses
    operation["responses"] = dict(sorted(known.items()))


def _bodies(app: FastAPI, made: dict[str, Any]) -> Iterator[tuple[dict[str, Any], JsonBody]]:
    """Each operation that declares a `JsonBody`, with it."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            continue
        for dependency in route.dependant.dependencies:
            if isinstance(dependency.call, JsonBody):
                for method in context.methods or ():
                    yield made["paths"][context.path][method.lower()], dependency.call


def _schemas(models: Sequence[type[BaseModel]]) -> dict[str, Any]:
    """The component schemas of these models and of all that they lean on."""
    inputs: list[tuple[type[BaseModel], Literal["validation"]]] = [
        (m, "validation") for m in dict.fromkeys(models)
    ]
    _, definitions = models_json_schema(inputs, ref_template="#/components/schemas/{model}")
    found: dict[str, Any] = definitions.get("$defs", {})
    return found


_FRAMEWORKS = ("HTTPValidationError", "ValidationError")
_FOR_ANY_CALLER = ("getDeliveries",)
"""Users and sources alike, whatever their role: who has none hears 404, and nobody 403."""
_OPEN = ("/health/", "/v2/auth/", "/auth/", "/metrics", "/openapi.json")
_OPEN_ENDS = ("/jwks.json", "/.well-known/openid-configuration")
_DESCRIPTION = """
Paths under `/platform/v1`, `/v2/auth`, `/auth` and `/endpoint` are those of the Redox Platform API; paths under
`/waypost/v1` are Waypost's own. Success is `{"meta": …, "payload": …}`, failure an RFC 9457 problem document.
"""
