"""A server's life inside the event loop: open, listen, deliver, and on SIGTERM end what is in flight."""

import asyncio
import contextlib
import os
import resource
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from waypost import logging as log_lines
from waypost.app import Waypost, calm_collector, opened
from waypost.cli.control import acts
from waypost.cli.control.socket import listening
from waypost.cli.serving.listen import Listen, Role
from waypost.db import sqlite
from waypost.folder import Folder, write_private
from waypost.settings import Settings
from waypost.tokens.assertion import PATH as TOKENS
from waypost.vault.keyring import KeyFileInvalid
from waypost.web.http1.protocol import Bounds, Full, Protocol

DRAIN_SECONDS = 30
KEEP_ALIVE_SECONDS = 65
FILES_KEPT = 2_000
"""File descriptors that are not for connections of clients: deliveries, look-ups, the store."""

log = structlog.get_logger("waypost.server")


class Server(uvicorn.Server):
    """uvicorn that leaves signals to us and says when it accepts connections."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: `run` has the handlers."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, then say so."""
        await super().startup(sockets)
        self._ready()


async def run(
    settings: Settings,
    folder: Folder,
    listen: Listen,
    role: Role,
    listener: socket.socket,
    tls: ssl.SSLContext | None,
) -> None:
    """Serve on the bound socket until SIGTERM or SIGINT, then drain for at most 30 s.

    The role `api` delivers nothing; `worker` answers health and metrics only.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_lines.of_loop)
    _on_signal(loop, stop.set)
    host, port = listener.getsockname()[:2]
    async with AsyncExitStack() as stack:
        waypost = await stack.enter_async_context(opened(settings))
        await _require_key(waypost, listen.lost_key)
        waypost.ground.whereabouts.bound(host, port, tls=listen.tls)

        async def perform(command: str, params: dict[str, Any]) -> dict[str, Any]:
            return await acts.perform(waypost, command, params)

        def ready() -> None:
            here = _url(_reachable(host), port, tls=listen.tls)
            audience = (settings.base_url or here) + TOKENS
            write_private(folder.server, {"url": here, "audience": audience, "pid": os.getpid()})
            log.info("server.started", url=here, role=role.value, sqlite=sqlite.library().sqlite_version)
            print(f"Waypost is ready on {_url(listen.host, port, tls=listen.tls)}", flush=True)

        await stack.enter_async_context(listening(folder, perform))
        if role != "worker":
            await waypost.engine.meter.start()
        if role != "api":
            await waypost.engine.worker.start()
            await waypost.engine.skipping.start()
            await waypost.engine.retention.start()
            await waypost.engine.minutes.start()
        await waypost.engine.replaying.start()
        await waypost.configuration.notifier.start()
        stack.callback(folder.server.unlink, missing_ok=True)
        http = waypost.faces.vitals if role == "worker" else waypost.faces.http
        calm_collector()
        await _serve(Server(_config(http, settings, listen, tls), ready), waypost, listener, stop)
    log.info("server.stopped")


async def _require_key(waypost: Waypost, lost: str | None) -> None:
    """Raise KeyFileInvalid for another store's key file, or an old copy; not for a key that is said to be lost."""
    ground = waypost.ground
    missing = await ground.db.read(ground.vault.newest_lost)
    if missing is not None and missing != lost:
        raise KeyFileInvalid(
            f"{ground.settings.key_file} does not open the newest data of this store: sealing key {missing} is"
            " not in it, or is another one. It is the key file of another store, or an old copy;"
            " WAYPOST_MASTER_KEY_FILE names the right one. If that key is lost for ever:"
            f" waypost serve --lost-key {missing}"
        )


def _on_signal(loop: asyncio.AbstractEventLoop, do: Callable[[], None]) -> None:
    """Have it done in the loop on SIGTERM and SIGINT; a later signal, up to the process's end, is harmless."""

    def handle(*_: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(do)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)


async def _serve(server: Server, waypost: Waypost, listener: socket.socket, stop: asyncio.Event) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    log.info("server.stopping")
    waypost.faces.live.stop()
    server.should_exit = True
    await asyncio.gather(serving, waypost.engine.worker.stop(within_seconds=DRAIN_SECONDS))


def config(http: ASGIApp, *, bounds: Bounds | None = None, **more: Any) -> uvicorn.Config:
    """How uvicorn serves here, always; `more` is what else it is told."""
    return uvicorn.Config(
        http,
        http=partial(Protocol, bounds=bounds or Bounds(), full=Full()),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        **more,
    )


def _config(http: FastAPI, settings: Settings, listen: "Listen", tls: ssl.SSLContext | None) -> uvicorn.Config:
    return config(
        http,
        bounds=Bounds(connections=_most_connections()),
        proxy_headers=listen.behind_proxy,
        forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
        ssl_context_factory=None if tls is None else lambda *_: tls,
    )


def _most_connections() -> int:
    """As many as leave file descriptors for the store and for deliveries."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return files - min(files // 2, FILES_KEPT)


def _url(host: str, port: int, *, tls: bool) -> str:
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _reachable(host: str) -> str:
    """Where this machine reaches what listens on that address."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing is bound here
