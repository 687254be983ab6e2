"""Notifications over HTTP (ours): who is told, a test of it, and what was told."""

from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Header, Query
from pydantic import Field
from starlette.responses import Response

from waypost.clock import iso
from waypost.environments.store import Environment
from waypost.notifications import model, outbox
from waypost.notifications.model import NotificationSettings, NotificationsPut
from waypost.notifications.service import Notifications
from waypost.validation import Shown
from waypost.web.document.openapi import problems_of
from waypost.web.routes.body import JsonBody
from waypost.web.routes.callers import UserCaller
from waypost.web.routes.envelope import Envelope, EnvironmentShown, answer

IfMatch = Annotated[str | None, Header(alias="If-Match", description="Change only this version.")]


class WebhookShown(Shown):
    """An address that takes notices."""

    url: str
    hasSecret: bool


class SmtpShown(Shown):
    """A mail server and who gets the mails."""

    host: str
    port: int
    security: model.Security
    username: str | None
    hasPassword: bool
    caCertificate: str | None
    from_: str = Field(alias="from")
    to: list[str]


class NotificationsShown(Shown):
    """Who is told, and after how long a hold."""

    environment: EnvironmentShown
    heldAfterSeconds: int
    webhook: WebhookShown | None
    smtp: SmtpShown | None


class NotificationsPayload(Shown):
    """An environment's notifications."""

    notifications: NotificationsShown


class OutcomeShown(Shown):
    """How a test went by one channel; `reason` is in our words."""

    sent: bool
    reason: str | None


class TestPayload(Shown):
    """How a test went, by channel."""

    test: dict[str, OutcomeShown]


class NoticeDeliveryShown(Shown):
    """A notice's way through one channel; `state` is `pending`, `sent` or `given up`."""

    channel: str
    state: str
    attempts: int
    reason: str | None
    nextAttemptAt: str | None
    endedAt: str | None


class NoticeShown(Shown):
    """A notice; `lasts` while what it tells has not ended."""

    id: str
    type: str
    createdAt: str
    lasts: bool
    data: dict[str, Any]
    deliveries: list[NoticeDeliveryShown]


class NoticesPayload(Shown):
    """Notices, newest first."""

    notices: list[NoticeShown]


def router(notifications: Notifications) -> APIRouter:
    """The routes of notifications."""
    routes = APIRouter(prefix="/waypost/v1/environments/{environmentId}", tags=["Notifications"])
    _add_settings(routes, notifications)

    @routes.post(
        "/notifications/test",
        operation_id="testNotifications",
        summary="Send a test by every channel that is set up",
        response_model=Envelope[TestPayload],
        responses=problems_of(401, 403, 404, 409, 429, 503),
    )
    async def test(caller: UserCaller, environmentId: str) -> Response:
        found = await notifications.test(caller, environmentId)
        shown = {channel.value: {"sent": reason is None, "reason": reason} for channel, reason in found.items()}
        return answer({"test": shown})

    @routes.get(
        "/notices",
        operation_id="getNotices",
        summary="Get what was told, newest first",
        response_model=Envelope[NoticesPayload],
        responses=problems_of(400, 401, 403, 404, 429, 503),
    )
    async def notices(
        caller: UserCaller, environmentId: str, count: Annotated[int, Query(alias="_count", ge=1, le=500)] = 50
    ) -> Response:
        found = await notifications.notices(caller, environmentId, count)
        return answer({"notices": [_notice(row, deliveries) for row, deliveries in found]})

    return routes


def _add_settings(routes: APIRouter, notifications: Notifications) -> None:
    @routes.get(
        "/notifications",
        operation_id="getNotifications",
        summary="Get who is told of held queues",
        response_model=Envelope[NotificationsPayload],
        responses=problems_of(401, 403, 404, 429, 503),
    )
    async def get(caller: UserCaller, environmentId: str) -> Response:
        return _answer(*await notifications.get(caller, environmentId))

    @routes.put(
        "/notifications",
        operation_id="putNotifications",
        summary="Say who is told of held queues",
        response_model=Envelope[NotificationsPayload],
        responses=problems_of(400, 401, 403, 404, 412, 413, 415, 429, 503),
    )
    async def put(
        caller: UserCaller,
        environmentId: str,
        raw: Annotated[Any, Depends(JsonBody(NotificationsPut))],
        if_match: IfMatch = None,
    ) -> Response:
        return _answer(*await notifications.put(caller, environmentId, raw, if_match=if_match))


def _answer(settings: NotificationSettings, environment: Environment) -> Response:
    shown = model.shown(settings, environment.flag.value)
    return answer({"notifications": shown}, headers={"ETag": settings.etag})


def _notice(row: sa.Row[Any], deliveries: list[sa.Row[Any]]) -> dict[str, Any]:
    return {
        "id": row.id,
        "type": row.kind,
        "createdAt": iso(row.happened_at),
        "lasts": row.open_key is not None,
        "data": outbox.data_of(row),
        "deliveries": [_delivery(each) for each in deliveries],
    }


def _delivery(row: sa.Row[Any]) -> dict[str, Any]:
    return {
        "channel": row.channel,
        "state": row.state,
        "attempts": row.attempts,
        "reason": row.reason,
        "nextAttemptAt": iso(row.due_at) if row.state == outbox.PENDING else None,
        "endedAt": None if row.ended_at is None else iso(row.ended_at),
    }
