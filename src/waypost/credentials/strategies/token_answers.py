"""Calling token endpoints, and what is made of their answers: a grant, or a reason without foreign text."""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from waypost.credentials.strategies.fields import MOST_SECONDS
from waypost.credentials.strategies.strategy import Grant, NotAuthorized, Occasion
from waypost.egress.client import Answer, Unreached
from waypost.egress.failures import MAYBE

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LONGEST_TOKEN = 16384

_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")
_ERROR_WORD = re.compile(r"[a-z][a-z_]{1,39}")


@dataclass(frozen=True, slots=True)
class Shape:
    """Where an answer has what: the names of its fields, the lifetime when it does not say, in seconds.

    `who` is the endpoint in words; a standard error code is repeated unless it could echo one of the `secrets`.
    """

    access_token: str = "access_token"  # noqa: S105 - a name
    expires: str = "expires_in"
    refresh_token: str = "refresh_token"  # noqa: S105 - a name
    default_seconds: float = 300
    secrets: Collection[str] = ()
    who: str = "token endpoint"


async def post_form(occasion: Occasion, url: str, values: Mapping[str, str | None]) -> Answer | Unreached:
    """Ask a token endpoint with a form (RFC 6749); None is not sent."""
    headers = {"accept": JSON, "content-type": FORM}
    return await occasion.post(
        url, headers, urlencode({name: value for name, value in values.items() if value is not None}).encode()
    )


def granted(
    answer: Answer | Unreached, began_ms: int, shape: Shape, refresh_token: str | None = None
) -> Grant | NotAuthorized:
    """The bearer token of an answer; `refresh_token` is the one that holds on when the answer has none."""
    values = json_of(answer, shape)
    if isinstance(values, NotAuthorized):
        return values
    token = token_of(values, shape)
    if isinstance(token, NotAuthorized):
        return token
    seconds = _lifetime(values.get(shape.expires), shape.default_seconds)
    fresh = values.get(shape.refresh_token)
    return Grant(
        {"authorization": f"Bearer {token}"},
        began_ms + round(seconds * 1000),
        fresh if isinstance(fresh, str) and 0 < len(fresh) <= LONGEST_TOKEN else refresh_token,
    )


def json_of(answer: Answer | Unreached, shape: Shape) -> dict[str, Any] | NotAuthorized:
    """The JSON object of a successful answer."""
    if isinstance(answer, Unreached):
        reason = answer.reason.removesuffix(MAYBE).strip()  # a token asked for twice does no harm
        return NotAuthorized(f"{shape.who} not reached: {reason}")
    values = _json_object(answer.body)
    if not answer.is_success:
        return NotAuthorized(f"{shape.who} answered {answer.status}{_error_word(values or {}, shape)}")
    if values is None:
        return NotAuthorized(f"{shape.who} answered {answer.status}, but not with a JSON object")
    return values


def token_of(values: Mapping[str, Any], shape: Shape) -> str | NotAuthorized:
    """The token of an answer, if a header can carry it."""
    token = values.get(shape.access_token)
    if not isinstance(token, str) or not token:
        return NotAuthorized(f"{shape.who}'s answer has no {shape.access_token}{_error_word(values, shape)}")
    if not _VISIBLE_ASCII.fullmatch(token) or len(token) > LONGEST_TOKEN:
        return NotAuthorized(f"{shape.who}'s token is too long or has characters that no header can carry")
    return token


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _lifetime(value: Any, default: float) -> float:
    """Seconds, from a number or a string of one; the default for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return default
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return default
    return min(max(seconds, 0.0), float(MOST_SECONDS)) if math.isfinite(seconds) else default


def _error_word(values: Mapping[str, Any], shape: Shape) -> str:
    """The standard `error` code in brackets; nothing when it is no plain word, or could echo a secret."""
    word = values.get("error")
    if not isinstance(word, str) or not _ERROR_WORD.fullmatch(word):
        return ""
    return "" if any(word in secret or secret in word for secret in shape.secrets) else f" ({word})"
