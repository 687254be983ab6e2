"""Log lines on stderr: one per event, `JSON` for machines, `key=value` on a terminal.

Events are past tense and dotted (`delivery.attempted`). No secret and no message content is ever given to a
logger; `guard` is the last line of defence, not a reason to be careless.
"""

import asyncio
import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

SECRET_WORDS = ("token", "secret", "password", "authorization", "body")
CHATTY = ("uvicorn", "alembic", "asyncio")
STRANGERS = "uvicorn.error.strangers"
"""Says of every request that is none that it is none; a stranger could fill the disk with its warnings."""


def configure(level: int = logging.INFO) -> None:
    """Send every log line of the process to stderr; lines of the libraries only from WARNING up."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper("iso", utc=True),
        without_message,
        guard,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),  # what is below it costs next to nothing
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer()],
        )
    )
    logging.raiseExceptions = False  # a closed stderr must not become a second fault
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.getLogger(STRANGERS).setLevel(max(level, logging.ERROR))


def guard(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Drop, at any depth, every key that is named like a secret."""
    return _without_secrets(event)


def without_message(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """An exception as its type and where it happened; its message could carry values."""
    raised = event.pop("exc_info", None)
    if raised is True:
        raised = sys.exc_info()
    error = raised[1] if isinstance(raised, tuple) else raised
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["where"] = where(error)
    return event


def where(error: BaseException) -> list[str]:
    """The stack of an exception, without its message."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]


def of_loop(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The event loop's handler for what nobody awaited: said, without the exception's message."""
    error = context.get("exception")
    structlog.get_logger("waypost").error(
        "task.failed",
        error=type(error).__name__ if error else str(context.get("message", ""))[:200],
        where=where(error) if error else [],
    )


def _renderer() -> Processor:
    if sys.stderr.isatty():
        return structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False)
    return structlog.processors.JSONRenderer()


def _without_secrets(value: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {
        key: _without_secrets(inner) if isinstance(inner, dict) else inner
        for key, inner in value.items()
        if not any(word in str(key).lower() for word in SECRET_WORDS)
    }
