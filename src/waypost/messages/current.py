"""The routes of environments as they are in memory: loaded when asked for, and anew when they are out of date."""

import asyncio

from waypost.db.database import Database
from waypost.messages import routing
from waypost.messages.routing import Routes
from waypost.vault.vault import Vault


class CurrentRoutes:
    """Whether they are those of the store is seen when something is written under them (invariant 8)."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault
        self._kept: dict[str, Routes] = {}
        self._loading: dict[str, asyncio.Task[Routes]] = {}

    async def of(self, environment_id: str) -> Routes:
        """Those that are kept, or loaded now. Raises errors.Unavailable."""
        return self._kept.get(environment_id) or await self._load(environment_id)

    async def renew(self, outdated: Routes) -> None:
        """Load them anew, unless somebody has meanwhile. Raises errors.Unavailable."""
        if self._kept.get(outdated.environment_id) is outdated:
            await self._load(outdated.environment_id)

    async def _load(self, environment_id: str) -> Routes:
        """One load for all who wait for it."""
        loading = self._loading.get(environment_id)
        if loading is None:
            loading = self._loading[environment_id] = asyncio.create_task(self._read(environment_id))
            loading.add_done_callback(lambda done: self._loaded(environment_id, done))
        return await asyncio.shield(loading)

    def _loaded(self, environment_id: str, done: "asyncio.Task[Routes]") -> None:
        del self._loading[environment_id]
        if not done.cancelled():
            done.exception()  # those who wait have it; there may be none left

    async def _read(self, environment_id: str) -> Routes:
        routes = await self._db.read(lambda tx: routing.load(tx, self._vault, environment_id))
        self._kept[environment_id] = routes
        return routes
