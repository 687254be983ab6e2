"""Where the shared store is: one server, or several of which one takes writes, as libpq writes them in a URL.

postgresql://waypost:secret@db-a:5432,db-b:5432/waypost
"""

from dataclasses import dataclass

PORT = 5432
ATTRIBUTES = "target_session_attrs"
KNOWN = ("any", "read-write", "primary")


@dataclass(frozen=True, slots=True)
class Host:
    """One server's name or address, without brackets, and its port."""

    name: str
    port: int


def split(url: str) -> tuple[str, tuple[Host, ...]]:
    """The URL with its first host alone, and all hosts; a socket in the file system is none. Raises ValueError."""
    scheme, _, rest = url.partition("://")
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    user, at, places = rest[:end].rpartition("@")
    first, *_ = listed = places.split(",")
    hosts = tuple(map(_host, listed)) if places else ()
    return f"{scheme}://{user}{at}{first}{rest[end:]}", hosts


def _host(text: str) -> Host:
    name, _, port = text.rpartition(":") if text.rpartition(":")[2].isdigit() else (text, "", "")
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    if not name or any(each in name for each in "[]@ "):
        raise ValueError("must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    return Host(name, int(port) if port else PORT)
