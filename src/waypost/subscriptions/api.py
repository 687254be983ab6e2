"""Routes of subscriptions: the vendor's two operations, and ours on a single one."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from waypost.subscriptions.model import (
    ChildQueues,
    OrderBy,
    Park,
    SubscriptionCreate,
    SubscriptionDelete,
    SubscriptionPatch,
    SubscriptionQuery,
)
from waypost.subscriptions.service import Subscriptions
from waypost.validation import Shown
from waypost.web.document.openapi import problems_of
from waypost.web.routes.body import JsonBody
from waypost.web.routes.callers import UserCaller
from waypost.web.routes.envelope import Envelope, Message, answer
from waypost.web.routes.paging import PagedMeta, WantedPage
from waypost.web.routes.paths import EnvironmentId

SubscriptionId = Annotated[str, Path(alias="subscriptionId")]


class EndShown(Shown):
    """One end of a subscription."""

    id: str
    environmentFlag: str


class SubscriptionShown(Shown):
    """A subscription; `id` is ours."""

    id: str
    source: EndShown
    destination: EndShown
    dataModel: str
    deletedAt: str | None


class WholeSubscription(SubscriptionShown):
    """A subscription with what is ours."""

    childQueues: ChildQueues | None
    park: Park | None


class OneSubscription(Shown):
    """Payload of Create subscription."""

    subscription: SubscriptionShown


class OneWholeSubscription(Shown):
    """Payload of one subscription (ours)."""

    subscription: WholeSubscription


class ManySubscriptions(Shown):
    """Payload of a list."""

    subscriptions: list[SubscriptionShown]


class SubscriptionPage(Shown):
    """One page of subscriptions."""

    meta: PagedMeta
    payload: ManySubscriptions


def _text(alias: str, description: str | None = None) -> Any:
    return Query(alias=alias, max_length=255, pattern=r"^[^\x00]*$", description=description)


async def search(
    source_id: Annotated[str | None, _text("sourceId")] = None,
    destination_id: Annotated[str | None, _text("destinationId")] = None,
    source_organization: Annotated[int | None, Query(alias="sourceOrganizationId")] = None,
    destination_organization: Annotated[int | None, Query(alias="destinationOrganizationId")] = None,
    connecting_organization: Annotated[int | None, Query(alias="connectingOrganizationId")] = None,
    data_model: Annotated[str | None, _text("dataModel", "Compared without case and spaces.")] = None,
    term: Annotated[str | None, _text("searchTerm", "Part of an end's name or id.")] = None,
    order_by: Annotated[OrderBy, Query(alias="orderBy")] = "createdAt",
    ascending: Annotated[bool, Query(alias="isAscending")] = True,
) -> SubscriptionQuery:
    """What the query asks for."""
    organizations = (source_organization, destination_organization, connecting_organization)
    return SubscriptionQuery(
        source_id=source_id,
        destination_id=destination_id,
        organizations=frozenset(number for number in organizations if number is not None),
        data_model=data_model,
        term=term,
        order_by=order_by,
        ascending=ascending,
    )


def router(service: Subscriptions) -> APIRouter:
    """The routes, on this service."""
    routes = APIRouter(tags=["Subscriptions"])
    _add_reads(routes, service)
    _add_changes(routes, service)
    return routes


def _add_reads(routes: APIRouter, service: Subscriptions) -> None:
    @routes.get(
        "/platform/v1/environments/{environmentId}/subscriptions", operation_id="getSubscriptions",
        summary="Get subscriptions", response_model=SubscriptionPage,
        responses=problems_of(400, 401, 403, 404, 429, 503),
    )  # fmt: skip
    async def list_(
        caller: UserCaller,
        environment_id: EnvironmentId,
        page: WantedPage,
        wanted: Annotated[SubscriptionQuery, Depends(search)],
    ) -> Response:
        found, total = await service.list(caller, environment_id, wanted, offset=page.offset, count=page.size)
        return answer({"subscriptions": [one.shown() for one in found]}, meta=page.meta(total))

    @routes.get(
        "/waypost/v1/subscriptions/{subscriptionId}", operation_id="getSubscription",
        summary="Get subscription", response_model=Envelope[OneWholeSubscription],
        responses=problems_of(401, 403, 404, 429, 503),
    )  # fmt: skip
    async def get(caller: UserCaller, subscription_id: SubscriptionId) -> Response:
        found = await service.get(caller, subscription_id)
        return answer({"subscription": found.shown_whole()})


def _add_changes(routes: APIRouter, service: Subscriptions) -> None:
    @routes.post(
        "/platform/v1/environments/{environmentId}/subscriptions", operation_id="createSubscription",
        summary="Create subscription", status_code=201, response_model=Envelope[OneSubscription],
        responses=problems_of(400, 401, 403, 404, 409, 413, 415, 429, 503),
    )  # fmt: skip
    async def create(
        caller: UserCaller,
        environment_id: EnvironmentId,
        raw: Annotated[Any, Depends(JsonBody(SubscriptionCreate))],
    ) -> Response:
        made = await service.create(caller, environment_id, raw)
        return answer({"subscription": made.shown()}, status=201)

    @routes.patch(
        "/waypost/v1/subscriptions/{subscriptionId}", operation_id="updateSubscription",
        summary="Update subscription", response_model=Envelope[OneWholeSubscription],
        responses=problems_of(400, 401, 403, 404, 413, 415, 429, 503),
    )  # fmt: skip
    async def update(
        caller: UserCaller,
        subscription_id: SubscriptionId,
        raw: Annotated[Any, Depends(JsonBody(SubscriptionPatch))],
    ) -> Response:
        found = await service.update(caller, subscription_id, raw)
        return answer({"subscription": found.shown_whole()})

    @routes.delete(
        "/waypost/v1/subscriptions/{subscriptionId}", operation_id="deleteSubscription",
        summary="Delete subscription", response_model=Envelope[Message],
        description="Answers 409 while messages are pending, unless a reason is given; then they end skipped.",
        responses=problems_of(400, 401, 403, 404, 409, 413, 415, 429, 503),
    )  # fmt: skip
    async def delete(
        caller: UserCaller,
        subscription_id: SubscriptionId,
        raw: Annotated[Any, Depends(JsonBody(SubscriptionDelete, required=False))],
        reason: Annotated[str | None, Query(description="The body's reason wins over this one.")] = None,
    ) -> Response:
        if reason is not None and isinstance(raw, dict):
            raw = {"reason": reason, **raw}
        skipped = await service.delete(caller, subscription_id, raw)
        ended = f" {skipped} pending message(s) ended skipped." if skipped else ""
        return answer({"message": f"The subscription is deleted.{ended}"})
