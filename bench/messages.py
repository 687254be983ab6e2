"""The bench's messages: one of the demo's, padded to 2 KiB, with a number to know it by at the other end."""

from waypost.demo import messages

SIZE = 2048
DATA_MODEL = messages.DATA_MODEL

_MARK = b'"Number":"'
_DIGITS = 8


def numbered(source_id: str, destination_id: str, number: int) -> bytes:
    """A message of exactly `SIZE` bytes."""
    message = next(messages.feed(source_id, destination_id))
    message["Extensions"] = {"Number": f"{number:0{_DIGITS}d}", "Padding": ""}
    missing = SIZE - len(messages.encode(message))
    message["Extensions"]["Padding"] = "x" * missing
    return messages.encode(message)


def number_of(request: bytes) -> int:
    """The number of the message in a request. Raises ValueError."""
    at = request.index(_MARK) + len(_MARK)
    return int(request[at : at + _DIGITS])
