"""The OpenAPI document of the code as it stands here, without a server."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute

from waypost import settings
from waypost.assembly.node import Waypost, build_node
from waypost.clock import Clock
from waypost.db.sqlite import SqliteDatabase
from waypost.vault import keyring


def document() -> dict[str, Any]:
    """What `/openapi.json` answers."""
    return asyncio.run(_answered())


def written(made: dict[str, Any]) -> str:
    """The document as it is published: a line for each member, so that a change can be read."""
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


async def _answered() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        db = SqliteDatabase(folder / "waypost.sqlite3")
        try:
            waypost = build_node(settings.load(data=folder), Clock(), db, keyring.create(folder / "sealing.key"))
            answer = await _route(waypost, "/openapi.json").endpoint()
        finally:
            await db.close()
        found: dict[str, Any] = json.loads(answer.body)
        return found


def _route(waypost: Waypost, path: str) -> APIRoute:
    return next(route for route in waypost.faces.http.routes if isinstance(route, APIRoute) and route.path == path)
