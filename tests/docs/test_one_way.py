"""One way to do each thing: what reads settings, tells the time, makes ids, and so on, stands in few places.

A place is a file or a folder of the product, with the reason why it goes its own way.
"""

import ast
import builtins
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.docs.test_architecture import SRC

DEMO = "a program beside the product, which starts and calls a server as anybody would"
OPERATOR = "a command, which talks to its own server"

WAYS = {
    "a setting is read by `settings.py`": (
        r"os\.(environ|getenv)",
        {"demo": "what a process that it starts finds around it"},
    ),
    "what time it is says a `Clock`": (
        r"time\.(time|time_ns|localtime|gmtime)|datetime\.(datetime|date)\.(now|utcnow|today)",
        {
            "clock.py": "this is it",
            "ids.py": "an id's time orders nothing",
            "web/rates.py": "the library that counts goes by the machine's clock",
        },
    ),
    "an id is made by `ids.py`": (
        r"uuid\.uuid\d",
        {
            "ids.py": "this is it",
            "roles/model.py": "made from a role's name, always the same",
        },
    ),
    "random bytes and secrets are made by `ids.py`": (
        r"(secrets\.(token|rand|choice)\w*|os\.urandom|random\.\w+)",
        {
            "ids.py": "this is it",
            "db/postgresql": "how long to wait before a transaction runs again; no secret",
            "demo": DEMO,
            "sessions/passwords.py": "salts",
            "sessions/totp.py": "secrets of the length and letters that apps take",
            "signatures.py": "secrets in the form of Standard Webhooks",
            "subscriptions/service.py": "the key that names child queues",
            "tokens/signing.py": "the key that signs access tokens",
            "vault": "sealing keys and nonces",
        },
    ),
    "a transaction is opened by `write` and `read` of a `Database`": (
        r"sqlalchemy\.(ext\.asyncio\.)?create_(async_)?engine|asyncpg\.\w*connect|sqlite3\.connect|\w+\.commit\(|"
        r"\w+\.rollback\(|\w+\.begin_nested\(|engine\.begin\(|engine\.connect\(",
        {
            "db": "this is it, and migrations before it",
            "upkeep/postgresql.py": "a backup and a restore are a whole store in one transaction",
        },
    ),
    "the outside is called by `egress/client.py`": (
        r"(http\.client|urllib\.request|aiohttp|httpx|requests|smtplib|aiosmtplib)\.\w+|subprocess\.\w+|"
        r"socket\.(socket|create_\w+|getaddrinfo|gethostby\w+)|"
        r"asyncio\.(open_(unix_)?connection|start_(unix_)?server|create_subprocess_\w+)",
        {
            "egress": "this is it",
            "cli/sending": OPERATOR,
            "cli/serving": "where the server listens",
            "cli/control": OPERATOR,
            "demo": DEMO,
            "notifications/mail.py": "SMTP, over a connection that egress has dialled",
        },
    ),
    "an error is one of `errors.py` or the room's own": (
        "|".join(f"raise {name}" for name, found in vars(builtins).items() if isinstance(found, type)),
        {
            "cli/terminal/output.py": "the end of a command",
            "credentials/strategies/keys.py": "caught where a field's fault is made of it, without a word of it",
            "db/postgresql/hosts.py": "caught by the setting's check, as below",
            "db/migrations": "there is no way down",
            "demo": DEMO,
            "egress": "what sockets and OpenSSL raise too, and is judged with it; a client that was not started",
            "settings.py": "what pydantic makes a setting's fault of",
            "vault/keyring.py": "caught ten lines below, with whatever else is wrong with the file",
            "web/middleware.py": "what the server itself raises when its client has left",
            "web/http1/protocol.py": "caught in the same file, where the connection ends with 400",
        },
    ),
    "HTTP's own errors are made by `web/routes/problems.py`": (
        r"raise HTTPException",
        {"dashboard/application.py": "as Starlette's router does for a method that is not there"},
    ),
}
"""For each thing its pattern, and the places that have it."""


def imported(code: ast.Module) -> dict[str, str]:
    """What each name of a file stands for, by its imports."""
    found: dict[str, str] = {}
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            found |= {each.asname or each.name.partition(".")[0]: each.name for each in node.names if each.asname}
            found |= {
                each.name.partition(".")[0]: each.name.partition(".")[0] for each in node.names if not each.asname
            }
        elif isinstance(node, ast.ImportFrom):
            found |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    return found


def done(code: ast.Module) -> Iterator[str]:
    """What a file does, in words that the patterns take: dotted names, calls of methods, what is raised."""
    names = imported(code)

    def dotted(node: ast.AST) -> str | None:
        if isinstance(node, ast.Name):
            return names.get(node.id)
        base = dotted(node.value) if isinstance(node, ast.Attribute) else None
        return f"{base}.{node.attr}" if base and isinstance(node, ast.Attribute) else None

    for node in ast.walk(code):
        if (name := dotted(node)) is not None:
            yield name
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield f"{ast.unparse(node.func).rpartition('.')[0].rpartition('.')[2].lstrip('_')}.{node.func.attr}("
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            yield f"raise {ast.unparse(raised).rpartition('.')[2]}"


@cache
def doings(src: Path) -> dict[str, frozenset[str]]:
    """What each file does."""
    return {
        path.relative_to(src).as_posix(): frozenset(done(ast.parse(path.read_text())))
        for path in src.rglob("*.py")
    }


def places(pattern: str, src: Path) -> set[str]:
    """The files that do what the pattern says."""
    wanted = re.compile(pattern)
    return {path for path, found in doings(src).items() if any(wanted.fullmatch(each) for each in found)}


@pytest.mark.parametrize("way", WAYS)
def test_each_thing_is_done_in_one_way_but_where_it_is_said_why(way: str) -> None:
    pattern, known = WAYS[way]
    found = places(pattern, SRC)
    covering = {
        path: next((each for each in known if path == each or path.startswith(f"{each}/")), None) for path in found
    }
    assert sorted(path for path, place in covering.items() if place is None) == []
    assert sorted(known.keys() - set(covering.values())) == [], "these do so no longer"


def test_what_goes_its_own_way_is_seen(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import os, time\nfrom uuid import uuid4 as made\nfrom datetime import datetime\nimport http.client\n"
        "def own(db):\n    os.environ['A'], time.time(), made(), os.urandom(4), datetime.now()\n"
        "    http.client.HTTPConnection('a')\n    db._raw.commit()\n    raise ValueError('b')\n"
    )
    (tmp_path / "plain.py").write_text("def plain(clock):\n    return clock.now_ms()\n")
    seen = {way for way, (pattern, _) in WAYS.items() if places(pattern, tmp_path) == {"own.py"}}
    assert seen == WAYS.keys() - {"HTTP's own errors are made by `web/routes/problems.py`"}
