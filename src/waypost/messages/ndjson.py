"""Newline-delimited JSON as it comes in: a stream of bytes cut into lines, one unfinished line in memory. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NumberedLine:
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

    def feed(self, chunk: bytes) -> list[NumberedLine]:
        """The lines that end in this chunk."""
        first, *others = chunk.split(b"\n")
        self._add(first)
        if not others:
            return []
        found = self._take()
        for whole in others[:-1]:
            found += self._line(whole, len(whole))
        self._add(others[-1])
        return found

    def end(self) -> list[NumberedLine]:
        """The last line, when no newline ends it."""
        return self._take() if self._size else []

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._most_bytes:
            self._parts.clear()
        elif part:
            self._parts.append(part)

    def _take(self) -> list[NumberedLine]:
        body, size = b"".join(self._parts), self._size
        self._parts, self._size = [], 0
        return self._line(body, size)

    def _line(self, body: bytes, size: int) -> list[NumberedLine]:
        """The next line, of so many bytes; `body` counts only if they are not too many."""
        self.number += 1
        if size > self._most_bytes:
            return [NumberedLine(self.number, None)]
        return [NumberedLine(self.number, body)] if body and not body.isspace() else []
