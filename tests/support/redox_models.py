"""The judge of messages: the package `redox`, whose models are made from the vendor's own schemas."""

import json
from contextlib import nullcontext
from importlib import import_module
from typing import Any


def parsed(message: str | dict[str, Any], *, lenient: bool = False) -> Any:
    """The message as an object of its data model; unknown fields are dropped when `lenient`, else refused.

    Raises ValueError when it is none.
    """
    from redox.abstract_base import lenient_ingest  # for the process that judges, not for each that collects tests

    decoded = json.loads(message) if isinstance(message, str) else message
    event = getattr(_data_model(decoded["Meta"]["DataModel"]), decoded["Meta"]["EventType"])
    with lenient_ingest() if lenient else nullcontext():
        return event.model_validate(decoded)


def _data_model(name: str) -> Any:
    """The models of one. The package's own factory imports those of all, 5,000, which takes seven seconds."""
    return import_module(f"redox.{name.replace(' ', '').lower()}")
