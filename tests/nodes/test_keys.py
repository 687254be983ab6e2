"""A sealing key that one node made is found by the others; a node with another one does not begin."""

from pathlib import Path

from tests.conftest import SetClock
from tests.support.nodes import Node
from tests.support.receiver import Receiver
from tests.support.waiting import until
from tests.support.waypost import Server, message
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


def test_a_node_with_another_key_file_refuses_to_start_and_the_others_go_on(node: Node, tmp_path: Path) -> None:
    with Receiver() as receiver:
        first = node("all")
        destination = first.destination(endpoint=receiver.url, verificationToken="t0ken")
        source, client = first.source(), first.client_id()
        first.subscribe(source, destination)

        strange = tmp_path / "strange"
        strange.mkdir()
        needed, made = keyring.load(tmp_path / "sealing.key"), keyring.create(strange / "sealing.key")
        wrong = Server(
            strange,
            settings=first.environment | {"WAYPOST_MASTER_KEY_FILE": str(strange / "sealing.key")},
            like=first,
        )
        refused = wrong.cli("serve", "--port", "0", check=False)
        assert refused.returncode == 1
        assert needed.current in refused.stderr
        assert "WAYPOST_MASTER_KEY_FILE" in refused.stderr
        assert made.current not in first.said()

        assert first.send(client, message(destination, source, 1)).status == 200
        until(lambda: len(receiver.requests) == 1)
