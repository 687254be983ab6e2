"""What `waypost check` looks at: the file, the ledger, every sealed value, every audit chain."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from waypost.audit import store as audit
from waypost.clock import Clock
from waypost.credentials import store as credentials
from waypost.db.database import Database, Tx
from waypost.destinations import secrets as destination_secrets
from waypost.destinations.store import destination
from waypost.environments import store as environments
from waypost.errors import Unavailable, WaypostError
from waypost.logs.store import attempt
from waypost.notifications import store as notifications
from waypost.queues import recount
from waypost.queues.store import message
from waypost.sessions import factors
from waypost.tokens import store as tokens
from waypost.vault import keyring
from waypost.vault.keyring import KeyFileInvalid
from waypost.vault.vault import Vault, data_key

T = TypeVar("T")

NAMES = {
    "credentials": "credentials",
    "destinations": "secrets of destinations",
    "notifications": "secrets of notifications",
    "signingSecrets": "signing secrets",
    "secondFactors": "second factors",
    "messages": "message bodies",
    "answers": "kept answers",
}
"""What is sealed, in words."""

_INVALID_INDEXES = """
SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE NOT indisvalid AND relnamespace = current_schema()::regnamespace ORDER BY 1
"""
_WRONG_PAGES = "SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()"

A_PAGE = 200
MOST_DAMAGE_LINES = 20


@dataclass(slots=True)
class _Report:
    """What was found wrong, and how much was looked at."""

    findings: list[dict[str, str]] = field(default_factory=list)
    checked: Counter[str] = field(default_factory=Counter)

    def add(self, area: str, details: Iterable[str]) -> None:
        self.findings += [{"area": area, "detail": detail} for detail in details]


async def run(db: Database, clock: Clock, key_file: Path) -> dict[str, Any]:
    """`ok`, `findings` (each with an `area` and a `detail` in words) and `checked` (counts)."""
    report = _Report()
    report.add("integrity", await _read(db, damage, report, "integrity") or ())
    report.add("ledger", await _read(db, recount.faults, report, "ledger") or ())
    report.checked.update(await _read(db, recount.size, report, "ledger") or {})
    await _secrets(db, clock, key_file, report)
    await _trails(db, report)
    return {"ok": not report.findings, "findings": report.findings, "checked": dict(report.checked)}


def damage(tx: Tx) -> list[str]:
    """What the database itself finds wrong with its files; empty when it finds nothing."""
    return _of_sqlite(tx) if tx.dialect.name == "sqlite" else _of_postgresql(tx)


def _of_postgresql(tx: Tx) -> list[str]:
    """Indexes that were left invalid, and pages whose checksum was wrong when they were read."""
    found = tx.exec_driver_sql(_INVALID_INDEXES).scalars()
    lines = [f"The index {name} is invalid: REINDEX it." for name in found]
    pages = tx.exec_driver_sql(_WRONG_PAGES).scalar()
    return [*lines, f"PostgreSQL has met {pages} pages with a wrong checksum."] if pages else lines


def _of_sqlite(tx: Tx) -> list[str]:
    found = [str(row[0]) for row in tx.exec_driver_sql(f"PRAGMA integrity_check({MOST_DAMAGE_LINES})")]
    lines = [f"The SQLite file is damaged: {line}" for line in found if line != "ok"]
    for row in tx.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(MOST_DAMAGE_LINES):
        lines.append(f"A row of {row[0]} points to a row of {row[2]} that is not there.")
    return lines


async def _read(db: Database, fn: Callable[[Tx], T], report: _Report, area: str) -> T | None:
    """One read; None and a finding when the file is too damaged for it."""
    try:
        return await db.read(fn)
    except (sa.exc.DatabaseError, Unavailable) as error:
        report.add(area, [f"This cannot be read: {str(getattr(error, 'orig', error)).splitlines()[0][:200]}."])
        return None


async def _secrets(db: Database, clock: Clock, key_file: Path, report: _Report) -> None:
    """Open everything that is sealed, with the key file as it lies there now."""
    try:
        vault = Vault(db, keyring.load(key_file), clock)
    except KeyFileInvalid as error:
        report.add("secrets", [str(error)])
        return
    lost = await _read(db, vault.lost, report, "secrets") or {}
    report.add("secrets", _summed("data keys", Counter(lost.values())))
    report.checked["dataKeys"] = await _read(db, _data_keys, report, "secrets") or 0
    for name, look in _SMALL.items():
        opened = await _read(db, partial(look, vault), report, "secrets")
        _note(report, name, opened or ())
    await _bodies(db, vault, report, "messages", message.c.body)
    await _bodies(db, vault, report, "answers", attempt.c.answer)


async def _bodies(db: Database, vault: Vault, report: _Report, name: str, column: sa.Column[Any]) -> None:
    """Page by page, so that neither memory nor one long snapshot is needed."""
    table, faults, after = column.table, Counter[str](), ""
    while True:
        query = sa.select(table.c.id, column).where(table.c.id > after, column.is_not(None))
        query = query.order_by(table.c.id).limit(A_PAGE)
        page = await _read(db, partial(_open_all, vault, table.name, query), report, "secrets")
        if not page:
            break
        faults.update(fault for _, fault in page if fault)
        report.checked[name] += len(page)
        after = page[-1][0]
    report.add("secrets", _summed(NAMES[name], faults))


def _open_all(vault: Vault, table: str, query: sa.Select[Any], tx: Tx) -> list[tuple[str, str]]:
    """The page's row ids, each with why its value does not open."""
    return [
        (row[0], _fault(partial(vault.open, tx, row[1], table=table, row=row[0]))) for row in tx.execute(query)
    ]


def _of_credentials(vault: Vault, tx: Tx) -> list[str]:
    ids = tx.scalars(sa.select(credentials.credential.c.id)).all()
    found = [credentials.get(tx, credential_id) for credential_id in ids]
    return [_fault(partial(credentials.open_secrets, tx, vault, one)) for one in found]


def _of_destinations(vault: Vault, tx: Tx) -> list[str]:
    sealed = sa.or_(*(destination.c[column].is_not(None) for column in destination_secrets.COLUMNS))
    rows = tx.execute(sa.select(destination).where(sealed)).all()
    return [_fault(partial(destination_secrets.open_secrets, tx, vault, row)) for row in rows]


def _of_notifications(vault: Vault, tx: Tx) -> list[str]:
    found = notifications.sealed_environments(tx)
    return [_fault(partial(notifications.open_secrets, tx, vault, each)) for each in found]


def _of_signing(vault: Vault, tx: Tx) -> list[str]:
    open_ = partial(vault.open, tx, table=tokens.signing_secret.name)
    return [_fault(partial(open_, sealed.secret, row=sealed.id)) for sealed in tokens.secrets(tx)]


def _of_factors(vault: Vault, tx: Tx) -> list[str]:
    return [_fault(partial(factors.open_secret, tx, vault, factor)) for factor in factors.list_all(tx)]


_SMALL: dict[str, Callable[[Vault, Tx], list[str]]] = {
    "credentials": _of_credentials,
    "destinations": _of_destinations,
    "notifications": _of_notifications,
    "signingSecrets": _of_signing,
    "secondFactors": _of_factors,
}


def _data_keys(tx: Tx) -> int:
    return tx.scalar(sa.select(sa.func.count()).select_from(data_key)) or 0


def _fault(open_: Callable[[], object]) -> str:
    """Why it does not open; empty when it does."""
    try:
        open_()
    except WaypostError as error:
        return error.detail
    return ""


def _note(report: _Report, name: str, faults: Iterable[str]) -> None:
    found = list(faults)
    report.checked[name] = len(found)
    report.add("secrets", _summed(NAMES[name], Counter(fault for fault in found if fault)))


def _summed(name: str, faults: Counter[str]) -> list[str]:
    """One sentence a reason: a lost key touches many."""
    return [f"{number} {name} do not open: {reason}" for reason, number in sorted(faults.items())]


async def _trails(db: Database, report: _Report) -> None:
    organizations = await _read(db, environments.list_organizations, report, "audit") or []
    report.checked["organizations"] = len(organizations)
    for one in organizations:
        number = await _read(db, partial(_broken, one.id), report, "audit")
        if number is not None:
            words = (
                f"The audit chain of organization {one.id} breaks at event {number}: changed, removed or added."
            )
            report.add("audit", [words])


def _broken(organization_id: int, tx: Tx) -> int | None:
    return audit.broken_link(tx, organization_id)
