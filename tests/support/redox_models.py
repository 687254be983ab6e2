"""The judge of messages: the package `redox`, whose models are made from the vendor's own schemas."""

import gc
from functools import cache
from typing import Any


def parsed(message: str, *, lenient: bool = False) -> Any:
    """The message as an object of its data model; unknown fields are dropped when `lenient`, else refused.

    Raises ValueError when it is none.
    """
    return _judge()(message, lenient=lenient)


@cache
def _judge() -> Any:
    # Some 5,000 models and ten seconds of work: for the process that judges, not for each that collects tests.
    from redox.factory import redox_object_factory

    gc.freeze()  # they live as long as the process
    return redox_object_factory
