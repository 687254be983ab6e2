"""What signing in leaves behind is removed once it means nothing, and `check` opens what is sealed."""

from pathlib import Path

import sqlalchemy as sa

from tests.sessions.conftest import CLI, World
from waypost.metrics import Metrics
from waypost.sessions import factors, store, throttle
from waypost.sessions.model import NeedsCode
from waypost.upkeep import checking
from waypost.upkeep.retention import Retention

SHORT_LIVED = (store.session, store.sign_in_step, store.invitation, throttle.throttle)
DAY = 24 * 3600


async def rows(world: World) -> list[int]:
    counts = [sa.select(sa.func.count()).select_from(table) for table in SHORT_LIVED]
    return await world.db.read(lambda tx: [tx.scalar(count) or 0 for count in counts])


async def test_the_tables_of_signing_in_stay_flat(world: World) -> None:
    retention = Retention(world.db, world.clock, Metrics(), mine=lambda: True, days=None, audit_days=2190)
    await world.person()
    await world.person("bob@clinic.test")
    await world.enrol(await world.inside("bob@clinic.test"))
    await retention.run()
    seen = []
    for day in range(5):
        await world.inside()
        assert isinstance(await world.enter("bob@clinic.test"), NeedsCode)
        await world.enter(f"somebody{day}@clinic.test", ip=f"198.51.100.{day}")
        await world.invitations.invite(CLI, "ann@clinic.test")
        world.clock.advance(4 * DAY)
        await retention.run()
        seen.append(await rows(world))

    assert seen == [[0, 0, 0, 0]] * 5


async def test_what_still_counts_stays(world: World) -> None:
    await world.person()
    entered = await world.inside()
    invitation = await world.invitations.invite(CLI, "ann@clinic.test")
    await world.enter(password="wrong password")

    await Retention(world.db, world.clock, Metrics(), mine=lambda: True, days=None, audit_days=1).run()

    assert await world.back(entered) is not None
    assert await world.invitations.look(invitation.token) == "ann@clinic.test"
    assert (await rows(world))[3] == 2


async def test_a_second_factor_that_does_not_open_is_found(world: World, tmp_path: Path) -> None:
    await world.person()
    await world.enrol(await world.inside())
    key_file = tmp_path / "sealing.key"
    assert (await checking.run(world.db, world.clock, key_file))["checked"]["secondFactors"] == 1

    moved = factors.second_factor.update().values(secret=b"\x01" + b"x" * 80)
    await world.db.write(lambda tx: tx.execute(moved) and None)

    report = await checking.run(world.db, world.clock, key_file)
    assert [finding["detail"].split(":")[0] for finding in report["findings"] if finding["area"] == "secrets"] == [
        "1 second factors do not open"
    ]
