"""What commands say: one object or a short text on stdout, one clear line for a fault on stderr."""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from waypost.errors import Invalid, NotFound, WaypostError


class Failure(Exception):
    """An expected fault of a command; the message is for the person who typed it."""


def show(result: Mapping[str, Any], *, as_json: bool, text: Iterable[str]) -> None:
    """Print the result: the object alone for machines, else the lines for people."""
    if as_json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return
    for line in text:
        print(line)


def refuse(error: Exception) -> NoReturn:
    """Say the fault on stderr and end with status 1."""
    for number, line in enumerate(words(error).splitlines()):
        print(f"waypost: {line}" if number == 0 else f"  {line}", file=sys.stderr)
    raise SystemExit(1)


def words(error: Exception) -> str:
    """An expected fault in words: one line, or one line for each of several."""
    if isinstance(error, Invalid):
        return "\n".join(f"{fault.pointer.lstrip('/')}: {fault.detail}".lstrip(": ") for fault in error.faults)
    if isinstance(error, NotFound):
        return f"There is no such {error.noun}."
    if isinstance(error, WaypostError):
        return error.detail
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    driver = getattr(error, "orig", None)  # its own word alone: a statement could carry values
    return str(error) if driver is None else f"The store cannot be used ({driver})."
