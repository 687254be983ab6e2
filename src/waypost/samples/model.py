"""The data sets that can be sent, by the vendor's ids for them. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from waypost.samples import hl7v2_adt
from waypost.validation import Body


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set: the data model of its messages, and how they are made (source, destination, now)."""

    data_model: str
    messages: Callable[[str, str, datetime], list[dict[str, Any]]]


DATA_SETS: Mapping[str, DataSet] = {"hl7v2-adt": DataSet(hl7v2_adt.DATA_MODEL, hl7v2_adt.messages)}


def _known(value: str) -> str:
    if value not in DATA_SETS:
        message = "There is no such data set here; there is {names}."
        raise PydanticCustomError("unknown_dataset", message, {"names": ", ".join(DATA_SETS)})
    return value


class SampleSend(Body):
    """Body of Run dataset tester."""

    datasetId: Annotated[str, AfterValidator(_known)]
