"""What a search for logs may ask: the vendor's metadata filter, also the measure of a replay of many."""

from typing import Annotated, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from waypost.clock import from_iso
from waypost.logs import store
from waypost.subscriptions.model import model_key
from waypost.validation import Body

LOG_TYPE = "receive"
"""The vendor's word for a one-way log towards a destination."""


def _time(value: str) -> str:
    try:
        from_iso(value)
    except (ValueError, OverflowError):
        raise PydanticCustomError("invalid_time", "This must be an ISO 8601 date-time.") from None
    return value


Time = Annotated[str, AfterValidator(_time)]


class MetadataSearch(Body):
    """Body of Search metadata; every field narrows the search."""

    dataModel: str | None = None
    eventType: str | None = None
    sourceId: str | None = None
    destinationId: str | None = None
    facilityCode: str | None = None
    type: str | None = None
    status: Literal["succeeded", "failed", "filtered", "pending"] | None = None
    createdAfter: Time | None = None
    createdBefore: Time | None = None
    updatedAfter: Time | None = None
    updatedBefore: Time | None = None
    serviceRegion: Literal["AWS_USA_EAST_1", "AWS_CAN_CENTRAL", "GCP_USA_CENTRAL_1"] | None = None
    dataMode: Literal["realtime", "backfill"] = "realtime"

    def filters(self) -> store.LogQuery:
        """The search in the store's terms."""
        states = tuple(state for state, word in store.VENDOR_STATUS.items() if word == self.status)

        def at(text: str | None) -> int | None:
            return None if text is None else from_iso(text)

        return store.LogQuery(
            data_model_key=None if self.dataModel is None else model_key(self.dataModel),
            event_type=self.eventType,
            source_id=self.sourceId and self.sourceId.lower(),
            destination_id=self.destinationId and self.destinationId.lower(),
            facility_code=self.facilityCode,
            states=states,
            created_after=at(self.createdAfter),
            created_before=at(self.createdBefore),
            updated_after=at(self.updatedAfter),
            updated_before=at(self.updatedBefore),
        )

    @property
    def finds_nothing(self) -> bool:
        """Whether no log of ours can match: ours are of type `receive` and came in real time."""
        return self.dataMode != "realtime" or (self.type or LOG_TYPE).lower() != LOG_TYPE
