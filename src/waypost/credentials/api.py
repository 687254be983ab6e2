"""The routes of auth credentials, as the vendor documents them; `ETag` and `If-Match` are ours."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Response
from starlette.responses import JSONResponse

from waypost.credentials import schemas
from waypost.credentials.model import Credential, shown
from waypost.credentials.service import Credentials
from waypost.errors import NotFound
from waypost.web.document.openapi import problems_of
from waypost.web.routes.body import JsonBody
from waypost.web.routes.callers import UserCaller, anybody
from waypost.web.routes.envelope import Envelope, Message, answer
from waypost.web.routes.paths import EnvironmentId

CredentialId = Annotated[str, Path(alias="id", description="The credential's identifier.")]
KEY_SET_SECONDS = 300
"""How long a key set may be kept: about as long as it takes until everybody uses a key that was replaced."""

IfMatch = Annotated[str | None, Header(description="The `ETag` that was read; another version is not changed.")]


def public(credentials: Credentials, home: Callable[[str], str | None]) -> APIRouter:
    """What the world may know of a credential's key (ours). `home` says where a credential is shown."""
    api = APIRouter(prefix="/waypost/v1/credentials", tags=["Auth credentials"], dependencies=[Depends(anybody)])

    @api.get(
        "/{id}/jwks.json",
        operation_id="getCredentialKeys",
        summary="Get a credential's public keys",
        response_model=schemas.KeySet,
        responses=problems_of(404, 429, 503),
    )
    async def key_set(credential_id: CredentialId) -> Response:
        """The JWKS (RFC 7517) that whoever checks Waypost's signatures needs. Open to all."""
        return _public({"keys": [await credentials.public_key(credential_id)]})

    @api.get(
        "/{id}/.well-known/openid-configuration",
        operation_id="getCredentialIssuer",
        summary="Get a credential's issuer metadata",
        response_model=schemas.Issuer,
        responses=problems_of(404, 429, 503),
    )
    async def issuer(credential_id: CredentialId) -> Response:
        """What an identity pool reads (OpenID Connect Discovery) to find the key set. Open to all."""
        key = await credentials.public_key(credential_id)
        place = home(credential_id)
        if place is None:
            raise NotFound("issuer: WAYPOST_BASE_URL is not set")
        return _public(
            {
                "issuer": place,
                "jwks_uri": f"{place}/jwks.json",
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [key["alg"]],
            }
        )

    return api


def _public(content: Mapping[str, Any]) -> Response:
    return JSONResponse(content, headers={"Cache-Control": f"public, max-age={KEY_SET_SECONDS}"})


def router(credentials: Credentials) -> APIRouter:
    """The six documented operations."""
    routes = APIRouter(prefix="/platform/v1", tags=["Auth credentials"])
    one: Any = Envelope[schemas.one(credentials.strategies)]  # type: ignore[misc]
    _add_reads(routes, credentials, one)
    _add_changes(routes, credentials, one)
    return routes


def _add_reads(routes: APIRouter, credentials: Credentials, one: Any) -> None:
    many: Any = Envelope[schemas.many(credentials.strategies)]  # type: ignore[misc]

    @routes.get(
        "/environments/{environmentId}/authcredentials",
        operation_id="getAuthCredentials",
        summary="Get auth credentials",
        response_model=many,
        responses=problems_of(401, 403, 404, 429, 503),
    )
    async def list_(caller: UserCaller, environment_id: EnvironmentId) -> Response:
        found = await credentials.list(caller, environment_id)
        return answer({"credentials": [shown(each, credentials.strategies[each.strategy]) for each in found]})

    @routes.get(
        "/authcredentials/strategies",
        operation_id="getAuthStrategies",
        summary="Get auth strategies",
        response_model=Envelope[schemas.StrategiesView],
        responses=problems_of(401, 403, 429),
    )
    async def strategies(caller: UserCaller) -> Response:
        """Every strategy with the fields it takes."""
        table = credentials.strategies.values()
        return answer({"strategies": {each.name: {"availableFields": each.available} for each in table}})

    @routes.get(
        "/authcredentials/{id}",
        operation_id="getAuthCredential",
        summary="Get auth credential",
        response_model=one,
        responses=problems_of(401, 403, 404, 429, 503),
    )
    async def get(caller: UserCaller, credential_id: CredentialId) -> Response:
        """One credential, its secrets masked."""
        return _answer(credentials, await credentials.get(caller, credential_id))


def _add_changes(routes: APIRouter, credentials: Credentials, one: Any) -> None:
    creates = JsonBody(lambda: schemas.create_body(credentials.strategies))
    updates = JsonBody(lambda: schemas.update_body(credentials.strategies))

    @routes.post(
        "/authcredentials",
        operation_id="createAuthCredential",
        summary="Create auth credential",
        status_code=201,
        response_model=one,
        responses=problems_of(400, 401, 403, 404, 413, 415, 429, 503),
    )
    async def create(caller: UserCaller, raw: Annotated[Any, Depends(creates)]) -> Response:
        """Make a credential in the environment that the body names. Needs the role engineer."""
        return _answer(credentials, await credentials.create(caller, raw), status=201)

    @routes.patch(
        "/authcredentials/{id}",
        operation_id="updateAuthCredential",
        summary="Update auth credential",
        response_model=one,
        responses=problems_of(400, 401, 403, 404, 412, 413, 415, 429, 503),
    )
    async def update(
        caller: UserCaller,
        credential_id: CredentialId,
        raw: Annotated[Any, Depends(updates)],
        if_match: IfMatch = None,
    ) -> Response:
        """Change what is supplied; null clears. Queues that wait on the credential are tried at once."""
        return _answer(credentials, await credentials.update(caller, credential_id, raw, if_match=if_match))

    @routes.delete(
        "/authcredentials/{id}",
        operation_id="deleteAuthCredential",
        summary="Delete auth credential",
        response_model=Envelope[Message],
        responses=problems_of(401, 403, 404, 409, 429, 503),
    )
    async def delete(caller: UserCaller, credential_id: CredentialId) -> Response:
        """Remove a credential that no destination uses."""
        await credentials.delete(caller, credential_id)
        return answer({"message": f"Auth credential id [{credential_id}] was successfully deleted."})


def _answer(credentials: Credentials, credential: Credential, status: int = 200) -> Response:
    body = shown(credential, credentials.strategies[credential.strategy])
    return answer({"credential": body}, status=status, headers={"ETag": credential.etag})
