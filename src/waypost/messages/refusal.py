"""A refused message in the vendor's shape: `Meta.Errors[]`, with the module that refused it."""

from typing import Any

from waypost import errors
from waypost.messages.model import MessageInvalid
from waypost.messages.routing import NotAccepted, Unroutable
from waypost.web.routes import problems


def status_of(error: NotAccepted) -> int:
    """The HTTP status."""
    return problems.status_of(error) if isinstance(error, errors.WaypostError) else 400


def meta(error: NotAccepted) -> dict[str, Any]:
    """`Meta` with the one error in it."""
    status = status_of(error)
    match error:
        case Unroutable(module=module, text=text):
            pass
        case MessageInvalid():
            module, text = "Validation", str(error)
        case _:
            module, text = "Authentication" if status in {401, 403} else "Endpoint", error.detail
    return error_of(status, text, module)


def error_of(status: int, text: str, module: str) -> dict[str, Any]:
    """`Meta` with one error in the vendor's shape."""
    return {"Errors": [{"ID": status, "Text": text, "Type": "message", "Module": module}]}
