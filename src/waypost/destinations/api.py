"""How HTTP says it: the vendor's operations under `/platform/v1`, ours under `/waypost/v1`."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from pydantic import Field
from starlette.responses import Response

from waypost.destinations import model
from waypost.destinations.cloud import CloudProviderSettings
from waypost.destinations.model import Destination
from waypost.destinations.service import Destinations
from waypost.destinations.signing import SecretChange, SigningSecrets
from waypost.destinations.verification import Verifier
from waypost.validation import Shown
from waypost.web.document.openapi import problems_of
from waypost.web.routes.body import JsonBody
from waypost.web.routes.callers import UserCaller
from waypost.web.routes.envelope import Envelope, EnvironmentShown, Message, answer

IfMatch = Annotated[str | None, Header(alias="If-Match", description="Change only this version (ours).")]
Reason = Annotated[str | None, Query(description="Why pending messages may end; the body's reason wins (ours).")]


class SetupStateShown(Shown):
    """Progress of the configuration."""

    step: str
    destination: dict[str, Any] | None = None


class DestinationShown(Shown):
    """A destination as the vendor documents it."""

    id: str
    name: str
    authCredential: str | None = None
    endpoint: str | None = None
    environment: EnvironmentShown
    cloudProviderSettings: CloudProviderSettings | None = None
    setupState: SetupStateShown | None


class DestinationPayload(Shown):
    """One destination."""

    destination: DestinationShown


class DestinationsPayload(Shown):
    """A list of destinations."""

    destinations: list[DestinationShown]


class VerifiedShown(DestinationShown):
    """A destination with the state of its verification; that field's name is ours."""

    verificationStatus: str


class VerifiedPayload(Shown):
    """A destination after its handshake or probe; `warnings` (ours) stands there when there are any."""

    destination: VerifiedShown
    warnings: list[str] = Field(default=[])


class SecretPayload(Shown):
    """A new webhook signing secret; it is shown this once."""

    secret: str


class SettingsShown(Shown):
    """What the documented object has no place for (ours)."""

    id: str
    verification: dict[str, str | None]
    tls: dict[str, str | bool | None]
    timeoutSeconds: int
    successStatus: model.SuccessStatus
    sendTokenAsBearer: bool


class SettingsPayload(Shown):
    """A destination's further settings (ours)."""

    destination: SettingsShown


def router(destinations: Destinations, verifier: Verifier, signing: SigningSecrets) -> APIRouter:
    """The routes of destinations."""
    routes = APIRouter(tags=["Destinations"])
    _add_reads(routes, destinations)
    _add_changes(routes, destinations)
    _add_verify(routes, verifier)
    _add_signing(routes, signing)
    _add_ours(routes, destinations)
    return routes


def _add_reads(routes: APIRouter, destinations: Destinations) -> None:
    @routes.get(
        "/platform/v1/environments/{environmentId}/destinations",
        operation_id="getDestinations",
        summary="Get destinations",
        response_model=Envelope[DestinationsPayload],
        responses=problems_of(401, 403, 404, 429, 503),
    )
    async def list_(caller: UserCaller, environmentId: str) -> Response:
        return answer({"destinations": await destinations.of_environment(caller, environmentId)})

    @routes.get(
        "/platform/v1/destinations/{destinationId}",
        operation_id="getDestination",
        summary="Get destination",
        response_model=Envelope[DestinationPayload],
        responses=problems_of(401, 403, 404, 429, 503),
    )
    async def get(caller: UserCaller, destinationId: str) -> Response:
        return _answer(await destinations.get(caller, destinationId))


def _add_changes(routes: APIRouter, destinations: Destinations) -> None:
    @routes.post(
        "/platform/v1/environments/{environmentId}/destinations",
        operation_id="createDestination",
        summary="Create destination",
        status_code=201,
        response_model=Envelope[DestinationPayload],
        responses=problems_of(400, 401, 403, 404, 409, 413, 415, 429, 503),
    )
    async def create(
        caller: UserCaller, environmentId: str, raw: Annotated[Any, Depends(JsonBody(model.DestinationCreate))]
    ) -> Response:
        return _answer(await destinations.create(caller, environmentId, raw), status=201)

    @routes.patch(
        "/platform/v1/destinations/{destinationId}",
        operation_id="updateDestination",
        summary="Update destination",
        response_model=Envelope[DestinationPayload],
        responses=problems_of(400, 401, 403, 404, 412, 413, 415, 429, 503),
    )
    async def update(
        caller: UserCaller,
        destinationId: str,
        raw: Annotated[Any, Depends(JsonBody(model.DestinationPatch))],
        if_match: IfMatch = None,
    ) -> Response:
        return _answer(await destinations.update(caller, destinationId, raw, if_match=if_match))

    @routes.delete(
        "/platform/v1/destinations/{destinationId}",
        operation_id="deleteDestination",
        summary="Delete destination",
        response_model=Envelope[Message],
        responses=problems_of(400, 401, 403, 404, 409, 413, 415, 429, 503),
    )
    async def delete(
        caller: UserCaller,
        destinationId: str,
        raw: Annotated[Any, Depends(JsonBody(model.DestinationDelete, required=False))],
        reason: Reason = None,
    ) -> Response:
        if reason is not None and isinstance(raw, dict):
            raw = {"reason": reason, **raw}
        skipped = await destinations.delete(caller, destinationId, raw)
        ended = f" {skipped} pending message(s) ended skipped." if skipped else ""
        return answer({"message": f"Destination id [{destinationId.lower()}] was successfully deleted.{ended}"})


def _add_verify(routes: APIRouter, verifier: Verifier) -> None:
    @routes.post(
        "/platform/v1/destinations/{destinationId}/verify",
        operation_id="verifyDestination",
        summary="Verify destination",
        response_model=Envelope[VerifiedPayload],
        responses=problems_of(400, 401, 403, 404, 409, 413, 415, 429, 503),
    )
    async def verify(
        caller: UserCaller,
        destinationId: str,
        raw: Annotated[Any, Depends(JsonBody(model.DestinationVerify, required=False))],
    ) -> Response:
        done = await verifier.verify(caller, destinationId, raw)
        found = done.destination
        payload: dict[str, Any] = {"destination": found.shown() | {"verificationStatus": found.verification.state}}
        if done.warnings:
            payload["warnings"] = list(done.warnings)
        return answer(payload, headers={"ETag": found.etag})


def _add_signing(routes: APIRouter, signing: SigningSecrets) -> None:
    @routes.post(
        "/platform/v1/destinations/{destinationId}/changeWebhookSigningSecret",
        operation_id="changeWebhookSigningSecret",
        summary="Update webhook signing secret",
        response_model=Envelope[SecretPayload],
        responses=problems_of(400, 401, 403, 404, 409, 413, 415, 429, 503),
    )
    async def change_secret(
        caller: UserCaller,
        destinationId: str,
        raw: Annotated[Any, Depends(JsonBody(SecretChange, required=False))],
    ) -> Response:
        return answer({"secret": await signing.change(caller, destinationId, raw)})


def _add_ours(routes: APIRouter, destinations: Destinations) -> None:
    @routes.get(
        "/waypost/v1/destinations/{destinationId}",
        operation_id="getDestinationSettings",
        summary="Get a destination's further settings",
        response_model=Envelope[SettingsPayload],
        responses=problems_of(401, 403, 404, 429, 503),
    )
    async def get_settings(caller: UserCaller, destinationId: str) -> Response:
        return _settings_answer(await destinations.get(caller, destinationId))

    @routes.patch(
        "/waypost/v1/destinations/{destinationId}",
        operation_id="updateDestinationSettings",
        summary="Update a destination's further settings",
        response_model=Envelope[SettingsPayload],
        responses=problems_of(400, 401, 403, 404, 412, 413, 415, 429, 503),
    )
    async def change_settings(
        caller: UserCaller,
        destinationId: str,
        raw: Annotated[Any, Depends(JsonBody(model.SettingsPatch))],
        if_match: IfMatch = None,
    ) -> Response:
        found = await destinations.change_settings(caller, destinationId, raw, if_match=if_match)
        return _settings_answer(found)

    @routes.put(
        "/waypost/v1/destinations/{destinationId}/setup",
        operation_id="putDestinationSetup",
        summary="Save or finish a destination's set-up",
        response_model=Envelope[DestinationPayload],
        responses=problems_of(400, 401, 403, 404, 409, 413, 415, 429, 503),
    )
    async def put_setup(
        caller: UserCaller, destinationId: str, raw: Annotated[Any, Depends(JsonBody(model.SetupPut))]
    ) -> Response:
        return _answer(await destinations.put_setup(caller, destinationId, raw))


def _answer(destination: Destination, *, status: int = 200) -> Response:
    return answer({"destination": destination.shown()}, status=status, headers={"ETag": destination.etag})


def _settings_answer(destination: Destination) -> Response:
    return answer({"destination": destination.shown_settings()}, headers={"ETag": destination.etag})
