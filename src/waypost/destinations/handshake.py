"""The handshake by which an endpoint proves that its owner wants our messages: its wire form, and what came of it.

From the vendor's pages and its sample receivers: a POST carries token and challenge in the body and no token
header; a GET carries both in the query, and the token in the header too. What is shown never has the token in it.
"""

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit

from waypost.destinations.model import Method
from waypost.egress.client import Answer, Unreached

MOST_ANSWER_CHARACTERS = 512
_TOKEN = "[token]"  # noqa: S105 - what stands in its place
_REPEATED = "Its answer repeats the token, so it is not shown."
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was sent without the token, and what came back: a status, and the beginning of the answer, escaped."""

    sent: str
    status: int | None = None
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Handshake:
    """A challenge for an endpoint."""

    method: Method
    endpoint: str
    token: str
    challenge: str
    application_name: str


def request(handshake: Handshake) -> tuple[str, Mapping[str, str], bytes]:
    """URL, headers and body of the challenge."""
    members = {"verification-token": handshake.token, "challenge": handshake.challenge}
    headers = {"application-name": handshake.application_name, "Connection": "close"}
    if handshake.method == "POST":
        body = json.dumps(members, separators=(",", ":")).encode()
        return handshake.endpoint, headers | {"Content-Type": "application/json"}, body
    parts = urlsplit(handshake.endpoint)
    query = "&".join(part for part in (parts.query, urlencode(members)) if part)
    return urlunsplit(parts._replace(query=query)), headers | {"verification-token": handshake.token}, b""


def fault(handshake: Handshake, answer: Answer | Unreached) -> str | None:
    """Why the handshake failed, in words; None when it did not."""
    if isinstance(answer, Unreached):
        return f"The endpoint was not verified: {answer.reason}"
    if not answer.is_success:
        return f"The endpoint answered {answer.status}, not 2xx.{_quoted(answer, handshake.token)}"
    if handshake.challenge.encode() not in answer.body:
        said = _quoted(answer, handshake.token)
        return f"The endpoint answered {answer.status} without the challenge in its body.{said}"
    return None


def exchange(handshake: Handshake, answer: Answer | Unreached) -> Exchange:
    """The handshake to be shown: our request with `[token]` in the token's place, and the answer."""
    url, headers, body = request(replace(handshake, token=_TOKEN))
    if _plain(handshake.token) in _plain(handshake.endpoint):
        url = "(the endpoint, which has the token in it)"
    lines = [f"{name}: {value}" for name, value in headers.items()]
    text = "\n".join([f"{handshake.method} {url}", *lines, *(["", body.decode()] if body else [])])
    sent = text.replace(quote(_TOKEN), _TOKEN)
    if isinstance(answer, Unreached):
        return Exchange(sent)
    shown = _without(handshake.token, _beginning(answer))
    return Exchange(sent, answer.status, _REPEATED if shown is None else _escaped(shown))


def _quoted(answer: Answer, token: str) -> str:
    """The beginning of the answer, escaped, with the token that we sent taken out of it."""
    if not answer.body:
        return " Its answer was empty."
    text = _without(token, _beginning(answer))
    return f" {_REPEATED}" if text is None else f" It said: {_escaped(text)}"


def _beginning(answer: Answer) -> str:
    return answer.body[: MOST_ANSWER_CHARACTERS * 4].decode(errors="replace")


def _without(token: str, text: str) -> str | None:
    """The text with the token taken out of it; None where it may still be in there, spelled in another way."""
    text = _repeated(token).sub(lambda _: _TOKEN, text)
    return None if _plain(token) in _plain(text) else text


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")[:MOST_ANSWER_CHARACTERS]


def _repeated(token: str) -> re.Pattern[str]:
    """The token as an answer usually repeats it: plain, in a URL, in JSON, in HTML; the longest spelling first."""
    spellings = {token, quote(token), quote(token, safe=""), json.dumps(token)[1:-1], html.escape(token)}
    longest_first = sorted(spellings, key=len, reverse=True)
    return re.compile("|".join(re.escape(spelling) for spelling in longest_first), re.IGNORECASE)


def _plain(text: str) -> str:
    """The text with escapes of any of these kinds undone, even mixed ones."""
    text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return html.unescape(unquote(text)).replace("\\", "")
