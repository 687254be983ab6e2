"""The addresses that give tokens. The answers are the vendor's and RFC 6749's, without the envelope."""

from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from waypost.tokens.assertion import ASSERTION_TYPE, PATH
from waypost.tokens.model import LegacyIssued, LegacyLogin, LegacyRefresh, Refusal
from waypost.tokens.service import Tokens
from waypost.validation import Shown
from waypost.web.document.openapi import problems_of
from waypost.web.routes import body
from waypost.web.routes.body import JsonBody
from waypost.web.routes.callers import anybody

FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 50
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="waypost"'}

FORM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["grant_type", "client_assertion_type", "client_assertion"],
    "properties": {
        "grant_type": {"type": "string", "enum": ["client_credentials"]},
        "client_assertion_type": {"type": "string", "enum": [ASSERTION_TYPE]},
        "client_assertion": {"type": "string", "description": "A JWT signed with RS384 or ES384."},
        "scope": {"type": "string", "description": "Taken and not looked at: the key's roles decide."},
    },
}


class TokenAnswer(Shown):
    """An access token of five minutes."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str


class TokenError(Shown):
    """RFC 6749's error; the descriptions are the vendor's."""

    error: str
    error_description: str
    error_uri: str


class LegacyAnswer(Shown):
    """An access token of 24 hours, when it ends, and the token that gives the next one."""

    accessToken: str
    expires: str
    refreshToken: str


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": TokenError, "description": "`invalid_request`"},
    401: {"model": TokenError, "description": "`invalid_client`: unknown client or key, or a bad signature"},
}


def router(tokens: Tokens) -> APIRouter:
    """The routes of the token exchange."""
    routes = APIRouter(tags=["Authentication"], dependencies=[Depends(anybody)])
    _oauth(routes, tokens)
    _legacy(routes, tokens)
    return routes


def _oauth(routes: APIRouter, tokens: Tokens) -> None:
    @routes.post(
        PATH,
        operation_id="exchangeToken",
        summary="Exchange a signed assertion for an access token",
        response_model=TokenAnswer,
        responses={**problems_of(413, 429, 503), **REFUSALS},
        openapi_extra={"requestBody": {"required": True, "content": {FORM: {"schema": FORM_SCHEMA}}}},
    )
    async def exchange(request: Request) -> Response:
        try:
            issued = await tokens.exchange(await _form(request))
        except Refusal as refusal:
            status = 401 if refusal.error == "invalid_client" else 400
            challenge = CHALLENGE if status == 401 else {}
            return JSONResponse(refusal.body, status, {**NO_STORE, **challenge})
        return JSONResponse(issued.body, 200, NO_STORE)


def _legacy(routes: APIRouter, tokens: Tokens) -> None:
    @routes.post(
        "/auth/authenticate",
        operation_id="authenticateLegacyKey",
        summary="Exchange a legacy key and secret for an access token",
        response_model=LegacyAnswer,
        responses=problems_of(400, 401, 413, 415, 429, 503),
    )
    async def authenticate(raw: Annotated[Any, Depends(JsonBody(LegacyLogin))]) -> Response:
        return _issued(await tokens.log_in(raw))

    @routes.post(
        "/auth/refreshToken",
        operation_id="refreshLegacyToken",
        summary="Exchange a refresh token for the next access token",
        response_model=LegacyAnswer,
        responses=problems_of(400, 401, 413, 415, 429, 503),
    )
    async def refresh(raw: Annotated[Any, Depends(JsonBody(LegacyRefresh))]) -> Response:
        return _issued(await tokens.refresh(raw))


def _issued(issued: LegacyIssued) -> Response:
    return JSONResponse(asdict(issued), 200, NO_STORE)


async def _form(request: Request) -> dict[str, str]:
    """The form's fields. Raises Refusal, TooLarge, Unavailable."""
    async with body.read(request, body.MOST_BYTES) as data:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != FORM:
            raise Refusal("x-www-form-urlencoded content-type required")
        return _fields(data)


def _fields(data: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            data.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"
        )
    except ValueError:
        raise Refusal() from None
    fields = dict(pairs)
    if len(fields) != len(pairs):  # RFC 6749, 3.2: no parameter more than once
        raise Refusal()
    return fields
