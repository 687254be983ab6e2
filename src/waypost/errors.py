"""The tree of errors, each with a stable code; `web/routes/problems.py` alone knows their HTTP status.

    WaypostError
    ├── Invalid             the request's content is wrong: every fault at once
    ├── Unauthenticated     nobody we know, or no longer
    ├── Forbidden           somebody we know, whose role is too small
    ├── NotFound            it does not exist, or the caller may not know that it does
    ├── Conflict            the state of things forbids it
    ├── Stale               the caller's `If-Match` names an older version
    ├── TooLarge            more bytes than this address takes
    ├── UnsupportedMedia    a media type this address does not read
    ├── RateLimited         too many requests; `retry_after_seconds` says when
    ├── NotImplementedYet   documented by the vendor, not built here yet
    └── Unavailable         the store, a key or the disk is away for now

Expected outcomes of a delivery are values (`delivery/model.py`), not errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request: `pointer` is an RFC 6901 JSON pointer, `code` is stable.

    `detail` tells a person what to do; it never repeats the rejected value.
    """

    pointer: str
    code: str
    detail: str


class WaypostError(Exception):
    """Something expected went wrong; `detail` says what to do about it."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Error"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason_code = code or self.code


class Invalid(WaypostError):
    """The request's content is wrong; `faults` lists every fault found."""

    code = "invalid_request"
    title = "Invalid request"

    def __init__(self, faults: Sequence[Fault], detail: str | None = None, *, code: str | None = None) -> None:
        self.faults = tuple(faults)
        if detail is None:
            count = len(self.faults)
            detail = self.faults[0].detail if count == 1 else f"{count} things are wrong with the request."
        super().__init__(detail, code=code)


class Unauthenticated(WaypostError):
    """No bearer token, or one that is bad, expired or revoked."""

    code = "unauthenticated"
    title = "Authentication required"


class Forbidden(WaypostError):
    """The caller is known but its role is too small."""

    code = "forbidden"
    title = "Not allowed"


class NotFound(WaypostError):
    """The resource does not exist, or lies where the caller has no role."""

    code = "not_found"
    title = "Not found"

    def __init__(self, noun: str) -> None:
        self.noun = noun
        super().__init__(f"There is no such {noun} where you have a role.")


class Conflict(WaypostError):
    """The state of the resource forbids the request."""

    code = "conflict"
    title = "Conflict"


class Stale(WaypostError):
    """The resource has changed since the version the caller named."""

    code = "stale"
    title = "Precondition failed"


class TooLarge(WaypostError):
    """The request has more bytes than this address takes."""

    code = "too_large"
    title = "Request too large"


class UnsupportedMedia(WaypostError):
    """The request's media type is not one this address reads."""

    code = "unsupported_media_type"
    title = "Unsupported media type"


class RateLimited(WaypostError):
    """Too many requests within the window."""

    code = "rate_limited"
    title = "Too many requests"

    def __init__(self, *, limit: int, retry_after_seconds: int) -> None:
        super().__init__(f"The limit is {limit} requests; try again in {retry_after_seconds} s.")
        self.limit = limit
        self.retry_after_seconds = retry_after_seconds


class NotImplementedYet(WaypostError):
    """The vendor documents this operation; it is not built here yet."""

    code = "not_implemented"
    title = "Not implemented yet"


class Unavailable(WaypostError):
    """The store, a sealing key or the disk is away; trying again later may help."""

    code = "unavailable"
    title = "Temporarily unavailable"
    retry_after_seconds = 5
