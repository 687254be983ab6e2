"""Newline-delimited JSON as it comes in: a stream of bytes cut into lines, one unfinished line in memory. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A line by its number, from 1; `body` is None when it was longer than is taken."""

    number: int
    body: bytes | None


class Lines:
    """Cuts chunks into lines. Blank lines count, but give none."""

    def __init__(self, most_bytes: int) -> None:
        self.number = 0
        self._most_bytes = most_bytes
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def unfinished(self) -> int:
        """How many bytes of the unfinished line are kept."""
        return self._size if self._parts else 0

    def feed(self, chunk: bytes) -> list[Line]:
        """The lines that end in this chunk."""
        *ends, rest = chunk.split(b"\n")
        found: list[Line] = []
        for end in ends:
            self._add(end)
            found += self._take()
        self._add(rest)
        return found

    def end(self) -> list[Line]:
        """The last line, when no newline ends it."""
        return self._take() if self._size else []

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._most_bytes:
            self._parts.clear()
        elif part:
            self._parts.append(part)

    def _take(self) -> list[Line]:
        self.number += 1
        too_long, body = self._size > self._most_bytes, b"".join(self._parts)
        self._parts, self._size = [], 0
        if too_long:
            return [Line(self.number, None)]
        return [Line(self.number, body)] if body.strip() else []
