"""What a backup says of itself, and how this room refuses."""

from collections.abc import Callable
from dataclasses import dataclass

from waypost.errors import Conflict

OnProgress = Callable[[str, int], None]
"""Told of each table that is through, with its number of rows."""


class UpkeepRefused(Conflict):
    """What was asked cannot be done to this store, file or folder as it is; `detail` says what to do."""

    code = "upkeep_refused"
    title = "Not possible as it is"


@dataclass(frozen=True, slots=True)
class Table:
    """A table in a backup. The field names are the file's own."""

    name: str
    rows: int
    columns: list[str]


@dataclass(frozen=True, slots=True)
class Contents:
    """What was copied: the schema's revision, the tables in an order in which they can be filled, the keys."""

    schema: str
    tables: list[Table]
    keys: set[str]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself; `keys` are ids of the sealing keys that it needs. Names as in the file."""

    format: int
    waypost: str
    store: str
    schema: str
    takenAt: str
    keys: list[str]
    tables: list[Table]
