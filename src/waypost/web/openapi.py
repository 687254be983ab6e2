"""The OpenAPI document: what FastAPI knows, the bodies that `JsonBody` declares, and the plain routes."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel


class ProblemFault(BaseModel):
    """One fault of a request."""

    pointer: str
    code: str
    detail: str


class Problem(BaseModel):
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
