"""Entity tags as conditions (RFC 9110, 13.1.1): the change happens only to the version that the caller saw."""

from waypost.errors import Stale


def require(if_match: str | None, etag: str) -> None:
    """Raise Stale when an `If-Match` header (None = not sent) does not name this tag; weak tags never do."""
    if if_match is None or if_match.strip() == "*":
        return
    if etag not in (part.strip() for part in if_match.split(",")):
        raise Stale("It has changed since the version that If-Match names; read it again and decide anew.")
