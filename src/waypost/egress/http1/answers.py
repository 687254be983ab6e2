"""Reading one answer, as its bytes come in: bounded, and suspicious of everything behind its end. No IO."""

from collections.abc import Mapping
from dataclasses import dataclass

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

MOST_HEAD_BYTES = 65_536
"""Of everything up to the body, interim answers (1xx) included."""
MOST_FIELDS = 256
_SWITCHING = 101


class Malformed(Exception):
    """The answer is not HTTP/1.1, or its head is longer than is taken."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side answered, redirects included; header names are lower-case.

    `complete` is false when the body was cut: longer than was asked for, or broken off after status and headers.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool = True

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx (RFC 9110 15.3)."""
        return 200 <= self.status < 300


class Reading:
    """One answer, of whose body at most `most_bytes` are kept.

    `bodiless`: by the request there is none, whatever the headers say; behind a `tunnel`'s answer it is not HTTP.
    `has_head` and `done` say how far it is; once it is done, `may_follow` says whether the connection goes on.
    """

    __slots__ = (
        "_bodiless",
        "_complete",
        "_fed",
        "_fields",
        "_held",
        "_interim",
        "_most_bytes",
        "_parser",
        "_pieces",
        "_size",
        "_tunnel",
        "done",
        "has_head",
        "may_follow",
        "status",
    )

    def __init__(self, most_bytes: int, *, bodiless: bool = False, tunnel: bool = False) -> None:
        self.status = 0
        self.has_head = self.done = self.may_follow = False
        self._most_bytes = most_bytes
        self._bodiless = bodiless or tunnel
        self._tunnel = tunnel
        self._complete = self._interim = False
        self._fed = self._size = self._held = 0
        self._fields: list[tuple[bytes, bytes]] = []
        self._pieces: list[bytes] = []
        self._parser = HttpResponseParser(self)
        # What old receivers do and every client takes: folded headers, bare line feeds, spaces after chunk sizes.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )

    def feed(self, data: bytes) -> None:
        """Read on. Raises Malformed while there is no head; after that a fault only cuts the body."""
        if self.done:
            self.may_follow = False
            return
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            if not self.has_head:
                raise Malformed from None
            self.may_follow = False
            self.cut()
        if not self.has_head and self._fed > MOST_HEAD_BYTES:
            raise Malformed

    def end(self) -> None:
        """Nothing more will come, by an orderly end: some bodies end so. Their head is there."""
        if not self.done:
            names = {name.lower(): value for name, value in self._fields}
            chunked = names.get(b"transfer-encoding", b"").lower().rstrip().endswith(b"chunked")
            self._finish(complete=not chunked and b"content-length" not in names)
        self.may_follow = False

    def cut(self) -> None:
        """Take what there is of the body. Its head is there."""
        if not self.done:
            self._finish(complete=False)
            self.may_follow = False

    def answer(self) -> Answer:
        """The answer, once it is done."""
        headers: dict[str, str] = {}
        for name, value in self._fields:
            key, text = name.decode("latin-1").lower(), value.decode("utf-8", "surrogateescape").rstrip(" \t")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        return Answer(self.status, headers, b"".join(self._pieces), self._complete)

    def on_message_begin(self) -> None:
        """The parser's word."""
        if self.done:  # a second answer, that nobody asked for
            self.may_follow = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser's word. Raises Malformed, which the parser passes on as its own."""
        if self.has_head:  # a trailer
            return
        self._size += len(name) + len(value)
        if self._size > MOST_HEAD_BYTES or len(self._fields) >= MOST_FIELDS or b"\0" in value:
            raise Malformed
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """The parser's word."""
        if self.done:
            return
        self.status = self._parser.get_status_code()
        self._interim = self.status < 200 and self.status != _SWITCHING
        if self._interim:
            self._fields.clear()
            return
        self.has_head = True
        self.may_follow = self._tunnel or (self._parser.should_keep_alive() and self.status != _SWITCHING)
        if self._bodiless:
            self._finish(complete=True)

    def on_body(self, data: bytes) -> None:
        """The parser's word."""
        if self.done:
            self.may_follow = False
            return
        self._held += len(data)
        if self._held > self._most_bytes:
            self._pieces.append(data[: len(data) - (self._held - self._most_bytes)])
            self.cut()
        else:
            self._pieces.append(data)

    def on_message_complete(self) -> None:
        """The parser's word."""
        if self.has_head and not self.done:
            self._finish(complete=True)

    def _finish(self, *, complete: bool) -> None:
        self.done, self._complete = True, complete
