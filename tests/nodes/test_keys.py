"""A sealing key that one node made is found by the others."""

from pathlib import Path

from tests.conftest import SetClock
from waypost.db.database import Database
from waypost.vault import keyring
from waypost.vault.vault import Vault


async def test_what_was_wrapped_anew_by_one_node_opens_on_another(
    db: Database, clock: SetClock, tmp_path: Path
) -> None:
    path = tmp_path / "shared.key"
    ring = keyring.create(path)
    one, two = (Vault(db, ring, clock, reread=lambda: keyring.load(path)) for _ in range(2))
    await one.prepare("scope")
    blob = one.seal("scope", b"secret", table="t", row="r")
    keyring.save(path, ring.with_new_current())
    one.use(keyring.load(path))
    assert await db.write(one.rewrap) == 1
    assert await db.read(lambda tx: two.open(tx, blob, table="t", row="r")) == b"secret"
    assert two.keyring.current == one.keyring.current
