"""What a source is, and which values its fields may take. Pure.

Fields are those of the vendor's newest page; what it leaves open is listed in `docs/compatibility.md`.
"""

import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from waypost.environments.store import Flag
from waypost.validation import Body, Line, absent

ServiceRegion = Literal["AWS_USA_EAST_1", "AWS_CAN_CENTRAL", "GCP_USA_CENTRAL_1"]
DataFormat = Literal["HL7V2", "JSON", "Custom", "X12", "X12v2", "XML (to JSON)"]

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9+_-]*(/[A-Za-z0-9+_-]+){0,3}")


def _time_zone(value: str) -> str:
    if len(value) > 64 or not _ZONE.fullmatch(value) or not _known(value):
        raise PydanticCustomError("invalid_time_zone", "This must be an IANA time zone, such as America/Chicago.")
    return value


def _known(zone: str) -> bool:
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


TimeZone = Annotated[str, AfterValidator(_time_zone)]


class SourceSetupState(Body):
    """The progress of whoever is configuring the source."""

    step: Annotated[str, Field(max_length=64)]
    name: Annotated[str, Field(max_length=255)] | None = None
    dataFormat: DataFormat | None = None
    ehr: Annotated[str, Field(max_length=255)] | None = None
    serviceRegion: ServiceRegion | None = None


class SourceCreate(Body):
    """Body of Create source."""

    name: Line
    serviceRegion: ServiceRegion | None = None
    dataFormat: DataFormat | None = None
    ehr: Line | None = None
    timeZone: TimeZone | None = None
    setupState: SourceSetupState | None = Field(None, description="While there is one, nothing can subscribe.")


class SourcePatch(Body):
    """Body of Update source: only supplied fields change."""

    name: Line = absent()
    timeZone: TimeZone | None = Field(None, description="null takes the time zone away (ours).")
    setupState: SourceSetupState | None = Field(None, description="null finishes the set-up.")
    id: Any = Field(None, description="Cannot change; accepted when equal (ours).")
    environment: Any = Field(None, description="Cannot change; accepted when equal (ours).")
    serviceRegion: Any = Field(None, description="Cannot change; accepted when equal (ours).")
    dataFormat: Any = Field(None, description="Cannot change; accepted when equal (ours).")
    ehr: Any = Field(None, description="Cannot change; accepted when equal (ours).")


IMMUTABLE = ("id", "environment", "serviceRegion", "dataFormat", "ehr")
_FIELDS = {
    "name": "name",
    "serviceRegion": "service_region",
    "dataFormat": "data_format",
    "ehr": "ehr",
    "timeZone": "time_zone",
    "setupState": "setup_state",
}
"""What can be sent of a source: the field of the API, and its name here."""


@dataclass(frozen=True, slots=True)
class Source:
    """One source. While it has a set-up state it is unfinished. A test source is Waypost's own, for samples."""

    id: str
    environment_id: str
    flag: Flag
    name: str
    service_region: str | None = None
    data_format: str | None = None
    ehr: str | None = None
    time_zone: str | None = None
    setup_state: dict[str, Any] | None = None
    is_test: bool = False

    def shown(self) -> dict[str, Any]:
        """The documented object."""
        optional = {
            "serviceRegion": self.service_region,
            "dataFormat": self.data_format,
            "ehr": self.ehr,
            "timeZone": self.time_zone,
        }
        return {
            "id": self.id,
            "name": self.name,
            "environment": {"id": self.environment_id, "environmentFlag": self.flag.value},
            **{name: value for name, value in optional.items() if value is not None},
            "setupState": self.setup_state,
        }


def given(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The supplied fields of a body that was checked, by their names here."""
    return {name: raw[field] for field, name in _FIELDS.items() if field in raw}
