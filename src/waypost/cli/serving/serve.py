"""`waypost serve`: one server on one data folder, from the first refusal to the drained end."""

import gc
import ipaddress
import os
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from waypost.cli.control import session
from waypost.cli.serving.listen import Listen, Role
from waypost.cli.terminal.options import FOLDER, Data
from waypost.cli.terminal.output import Failure, words
from waypost.folder import Folder

if TYPE_CHECKING:
    from waypost.settings import Settings

BACKLOG = 2048
MOST_FILES = 1 << 20
LOCK_SECONDS = 2
"""How long to wait for a command that is at work on the folder."""


def serve(
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8080,
    role: Annotated[Role, typer.Option("--role", help="api and worker need PostgreSQL.")] = Role.all,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="Certificate chain, PEM.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="Its private key, PEM.")
    ] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="Believe X-Forwarded-For of WAYPOST_TRUSTED_PROXIES.")
    ] = False,
    lost_key: Annotated[
        str | None,
        typer.Option("--lost-key", metavar="ID", help="Start although this sealing key is lost for ever."),
    ] = None,
    data: Data = FOLDER,
) -> None:
    """Run the server. SIGTERM ends it: attempts in flight end first, the rest stays queued."""
    gc.disable()  # a fifth of a start; what it makes is there to stay, and `calm_collector` turns it on again
    found = session.settings(data)
    listen = Listen(host, port, tls_cert, tls_key, behind_proxy, lost_key)
    addresses = _resolved(listen)
    faults = refusals(found, listen, role, addresses)
    if faults:
        raise Failure("\n".join(faults))
    folder = session.ready(found)
    _harden()
    _run(found, folder, listen, role, addresses[0])


def refusals(found: "Settings", listen: Listen, role: Role, addresses: list[str]) -> list[str]:
    """Every reason not to start."""
    faults = []
    if role is not Role.all and found.database_url is None:
        faults.append(f"--role {role}: needs PostgreSQL (WAYPOST_DATABASE_URL); leave it out to run everything.")
    if (listen.tls_cert is None) != (listen.tls_key is None):
        faults.append("--tls-cert and --tls-key go together.")
    if listen.behind_proxy and not found.trusted_proxies:
        faults.append("--behind-proxy needs WAYPOST_TRUSTED_PROXIES, the networks that the proxy calls from.")
    if all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in addresses):
        return faults
    if not listen.tls and not listen.behind_proxy:
        faults.append(
            f"--host {listen.host} is reachable from elsewhere: give --tls-cert and --tls-key, or --behind-proxy"
            " with WAYPOST_TRUSTED_PROXIES."
        )
    if not session.key_file_is_apart(found):
        faults.append(
            f"--host {listen.host} is reachable from elsewhere: WAYPOST_MASTER_KEY_FILE must name a sealing key"
            " outside the data folder."
        )
    return faults


def _resolved(listen: Listen) -> list[str]:
    """The host's addresses, IPv4 first. Raises Failure."""
    try:
        found = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise Failure(f"--host {listen.host} is not an address of this machine.") from None
    return sorted((str(address[0]) for *_, address in found), key=lambda address: ":" in address)


def _harden() -> None:
    """No core dumps (they would hold keys and messages), and as many connections as the machine allows."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else hard
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError):  # macOS says "unlimited" and means less
            return


def _run(found: "Settings", folder: Folder, listen: Listen, role: Role, address: str) -> None:
    import uvloop

    from waypost import logging as log
    from waypost.cli.serving import server
    from waypost.db.lock import FolderInUse, FolderLock

    lock = FolderLock(folder.path)
    try:
        lock.acquire(wait_seconds=LOCK_SECONDS)
    except FolderInUse:
        where = folder.running().get("url")
        raise Failure(
            f"Another Waypost process uses {folder.path}" + (f" (a server at {where})." if where else ".")
        ) from None
    try:
        context = _tls(listen)
        with _bound(listen, address) as listener:
            log.configure()
            uvloop.run(server.run(found, folder, listen, role, listener, context))
    except session.expected() as error:
        raise Failure(words(error)) from error
    finally:
        lock.release()


def _tls(listen: Listen) -> ssl.SSLContext | None:
    if listen.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(listen.tls_cert, listen.tls_key, password=lambda: b"")
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or "unreadable"
        raise Failure(
            f"--tls-cert, --tls-key: these are not a PEM certificate and its unencrypted key ({reason})."
        ) from None
    return context


def _bound(listen: Listen, address: str) -> socket.socket:
    both = address == "::" and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, listen.port), family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        raise Failure(
            f"Cannot listen on {listen.host} port {listen.port}: {os.strerror(error.errno or 0)}."
        ) from None
