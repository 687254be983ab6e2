"""Secrets go in and never come out again: not in answers, audit rows, logs, errors, or the file."""

from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from tests.credentials.conftest import DEVELOPMENT, World
from waypost.credentials.model import Created
from waypost.credentials.strategies import STRATEGIES
from waypost.db.database import Tx, metadata

CANARIES = ["canary-client-secret", "canary-password", "canary-second-secret", "canary-refused"]


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


def kept_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


def rows(tx: Tx) -> bytes:
    """Every row of every table."""
    return b"".join(repr(tx.execute(sa.select(table)).all()).encode() for table in metadata.sorted_tables)


async def test_no_secret_ever_leaves(world: World, logged: list[MutableMapping[str, Any]], tmp_path: Path) -> None:
    made = world.create(
        grantType="password", username="u", password="canary-password", clientSecret="canary-client-secret"
    )
    path = f"/platform/v1/authcredentials/{made['id']}"
    answers = [
        world.get(made["id"]),
        world.client("GET", f"/platform/v1/environments/{DEVELOPMENT}/authcredentials"),
        world.patch(made["id"], {"clientSecret": "canary-second-secret"}),
        world.patch(made["id"], {"clientSecret": "canary-refused ", "name": ""}),
        world.patch(made["id"], {"clientSecret": ["canary-refused"], "hasPassword": "canary-refused"}),
        world.patch(made["id"], {"url": "https://x.example.com/canary-refused#"}),
        world.client("POST", "/platform/v1/authcredentials", {"password": {"a": "canary-refused"}}),
        world.client("PATCH", path, b'{"password": "canary-refused'),
        world.delete(made["id"]),
    ]
    events = await world.events()
    shown = repr([(answer.headers, answer.body) for answer in answers]) + repr(events) + repr(logged)
    assert [answer.status for answer in answers] == [200, 200, 200, 400, 400, 400, 400, 400, 200]
    assert [canary for canary in CANARIES if canary in shown] == []
    files = kept_in(tmp_path) + await world.db.read(rows)
    assert b"auth-credential-created" in files
    assert [canary for canary in CANARIES if canary.encode() in files] == []


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_no_strategy_has_a_field_that_every_credential_has(strategy: Any) -> None:
    taken = {*Created.model_fields, "id", "createdAt", "updatedAt"}
    assert not taken & set(strategy.available)
    assert not {name for name in strategy.available if name.startswith("has")}


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_no_secret_is_shown_by_repr(strategy: Any) -> None:
    assert not {name for name in strategy.secrets if strategy.fields.model_fields[name].repr}
