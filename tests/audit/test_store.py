"""The chain of audit events."""

from tests.conftest import SetClock
from tests.support import tenants

from waypost.access import Caller, User
from waypost.audit import store as audit
from waypost.db.database import Database, Tx

CALLER = Caller(User(1, "client-1"), "10.0.0.9", "request-1", "POST /x")


async def test_the_chain_holds_and_a_changed_event_breaks_it(db: Database, clock: SetClock) -> None:
    number = (await tenants.found(db, clock)).id

    def write(tx: Tx) -> None:
        for n in range(5):
            audit.record(
                tx, CALLER, "source-created", organization_id=number, now_ms=clock.now_ms(), details={"n": n}
            )

    await db.write(write)
    assert await db.read(lambda tx: audit.broken_link(tx, number)) is None
    third = audit.audit_event.c.number == 3
    await db.write(lambda tx: tx.execute(audit.audit_event.update().where(third).values(user_id=9)) and None)
    assert await db.read(lambda tx: audit.broken_link(tx, number)) == 3
