"""The vendor's payload search: sealed bodies are opened page by page over a date range; there is no index of them.

A call looks for so long at most, and its cursor goes on from there.
"""

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field, StringConstraints

from waypost.access import ENGINEER_OR_SUPPORT, Caller, require_environment
from waypost.audit import store as audit
from waypost.clock import Clock, iso
from waypost.db.database import Database, Tx
from waypost.environments import store as environments
from waypost.errors import Unavailable
from waypost.logs import store as logs
from waypost.logs import views
from waypost.logs.search import MetadataSearch
from waypost.payloads import store
from waypost.payloads.matching import Term, matches
from waypost.validation import Body, checked
from waypost.vault.keyring import KeyUnavailable
from waypost.vault.vault import Vault

SECONDS_A_CALL = 7.0
SECONDS_A_READ = 0.2
SECONDS_TO_WAIT = 2.0
LOGS_A_READ = 100
MOST_AT_A_TIME = 2
DEFAULT_RANGE_MS = 24 * 3600 * 1000


class SearchTerm(Body):
    """What to look for; the category `patient` looks into the patient only, any other everywhere."""

    value: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    category: Annotated[str, StringConstraints(max_length=64)] | None = None


class PayloadSearch(MetadataSearch):
    """Body of Search payloads: the metadata filter, and terms that must all be found."""

    searchTerms: Annotated[list[SearchTerm], Field(max_length=10)] = []  # noqa: RUF012 - pydantic copies it


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Where a call ended and the next one goes on: behind a log, newest first, down to where the range begins."""

    accepted_at: int
    log_id: str
    created_after: int | None


@dataclass(frozen=True, slots=True)
class Matches:
    """What a call found; `following` is None once the whole range was looked through."""

    logs: list[sa.Row[Any]]
    following: Bookmark | None
    examined: int
    unopened: int


@dataclass(frozen=True, slots=True)
class _Ask:
    """What a call looks for."""

    environment_id: str
    filters: logs.LogQuery
    terms: tuple[Term, ...]


@dataclass(slots=True)
class _Look:
    """How far a search has come: behind the log `at`, or through."""

    at: tuple[int, str] | None = None
    is_over: bool = False
    logs: list[sa.Row[Any]] = field(default_factory=list)
    examined: int = 0
    unopened: int = 0

    def add(self, more: "_Look") -> None:
        """Go on to where `more` is, with what it found."""
        self.at, self.is_over = more.at, more.is_over
        self.logs += more.logs
        self.examined += more.examined
        self.unopened += more.unopened


class PayloadSearches:
    """Searches in every environment, few at a time: each keeps a processor busy."""

    def __init__(
        self, db: Database, vault: Vault, clock: Clock, *, seconds_a_call: float = SECONDS_A_CALL
    ) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._seconds_a_call = seconds_a_call
        self._slots = asyncio.Semaphore(MOST_AT_A_TIME)

    async def search(
        self, caller: Caller, environment_id: str, raw: Any, *, place: Bookmark | None, count: int
    ) -> tuple[list[dict[str, Any]], Matches]:
        """The logs found, as the API shows them, and how far it came. Raises Unavailable while others search."""
        require_environment(caller, environment_id, ENGINEER_OR_SUPPORT)
        wanted = checked(PayloadSearch, raw)
        terms = tuple(Term(term.value, term.category) for term in wanted.searchTerms)
        ask = _Ask(environment_id, _ranged(wanted.filters(), place, self._clock.now_ms()), terms)
        look = _Look(None if place is None else (place.accepted_at, place.log_id), wanted.finds_nothing)
        await self._search(ask, look, count)
        following = None if look.is_over or look.at is None else Bookmark(*look.at, ask.filters.created_after)
        found = Matches(look.logs, following, look.examined, look.unopened)
        shown = await self._db.read(lambda tx: views.shown(tx, found.logs))
        await self._db.write(lambda tx: self._record(tx, caller, wanted, ask, found))
        return shown, found

    async def _search(self, ask: _Ask, look: _Look, count: int) -> None:
        """Look on until so many are found, the range is over or the time is up."""
        end = time.monotonic() + self._seconds_a_call
        try:
            async with asyncio.timeout(SECONDS_TO_WAIT):
                await self._slots.acquire()
        except TimeoutError:
            raise Unavailable("Other payload searches are running; try again when they are done.") from None
        try:
            while not look.is_over and len(look.logs) < count:
                at, most = look.at, count - len(look.logs)
                look.add(await self._db.read(lambda tx: self._read(tx, ask, at, most, end)))  # noqa: B023
                if time.monotonic() >= end:
                    return
        finally:
            self._slots.release()

    def _read(self, tx: Tx, ask: _Ask, at: tuple[int, str] | None, most: int, end: float) -> _Look:
        """Look at the next logs, one at least, in a slice of time: others want to read, too."""
        end = min(end, time.monotonic() + SECONDS_A_READ)
        rows = logs.page(tx, ask.environment_id, ask.filters, before=at, count=LOGS_A_READ)
        look = _Look(at, is_over=not rows)
        for row in rows[:LOGS_A_READ]:
            look.at, look.is_over = (row.accepted_at, row.id), row is rows[-1]
            look.examined += 1
            matching = self._matches(tx, ask, row.id)
            look.unopened += matching is None
            if matching:
                look.logs.append(row)
            if len(look.logs) == most or time.monotonic() >= end:
                break
        return look

    def _matches(self, tx: Tx, ask: _Ask, log_id: str) -> bool | None:
        """Whether the log's message has every term; None when its body does not open."""
        if not ask.terms:
            return True
        sealed = store.body_of(tx, log_id)
        if sealed is None:
            return False
        message_id, body = sealed
        try:
            return matches(self._vault.open(tx, body, table="message", row=message_id), ask.terms)
        except KeyUnavailable:
            return None

    def _record(self, tx: Tx, caller: Caller, wanted: PayloadSearch, ask: _Ask, found: Matches) -> None:
        """The event says how it was searched, never for what: that may be a patient's name."""
        low = ask.filters.created_after
        details = {
            "fields": sorted(wanted.model_fields_set - {"searchTerms"}),
            "terms": len(ask.terms),
            "createdAfter": None if low is None else iso(low),
            "examined": found.examined,
            "found": len(found.logs),
        }
        audit.record(
            tx,
            caller,
            "log-search",
            organization_id=environments.get(tx, ask.environment_id).organization_id,
            environment_id=ask.environment_id,
            details=details,
            now_ms=self._clock.now_ms(),
        )


def _ranged(filters: logs.LogQuery, place: Bookmark | None, now_ms: int) -> logs.LogQuery:
    """The filters with a beginning: the one they have, that of the first call, or a day before the end."""
    if place is not None:
        return replace(filters, created_after=place.created_after)
    times = (filters.created_after, filters.updated_after, filters.updated_before)
    if any(time_ is not None for time_ in times):
        return filters
    end = now_ms if filters.created_before is None else filters.created_before
    return replace(filters, created_after=end - DEFAULT_RANGE_MS)
