"""The table in `matrix.txt`, read; and the page that is made of it.

python -m tests.permissions.matrix > docs/reference/permissions.md
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).parent / "matrix.txt"
IN_PRODUCTION = " in Production"
UNBUILT = "Documented by Redox, not built"

SHOWN = {"yes": "yes", "own": "yes, its own", "400": "400", "401": "401", "403": "403", "404": "404", "501": "501"}
HEAD = """# Permissions

Every route, and what it answers to whom. The tests make each of these calls, and a route that is not in the table
fails them: this page is made from `tests/permissions/matrix.txt` and held against it.

- **yes**: the caller may. **yes, its own**: answered, with nothing of the environment that is asked about.
- **401**: nobody we know. **403**: somebody we know, whose role is too small; the answer names the one needed.
- **404**: no role there, so it does not exist. The answer to an id of another tenant and to one that nobody has is
  the same, to the byte but for the request id, and takes the same number of statements of the store.
- **501**: Redox documents it, Waypost does not have it yet.

Whoever is named here has the role in the environment, or the organization, that is asked about. **Stranger** is
the owner of another organization; **member** has a role in another environment of the same organization. **Admin**
and **owner** are those of the organization without a role in the environment: an organization role grants nothing
inside. **Owner, engineer** is both. **Source** is an API key of the environment, **other source** one of another
environment. Without a token or with a bad one, whatever needs a token answers 401.

"""
COLUMNS = {
    "outsider": "stranger",
    "neighbour": "member",
    "viewer": "viewer",
    "support": "support",
    "engineer": "engineer",
    "admin": "admin",
    "owner": "owner",
    "both": "owner, engineer",
    "source": "source",
    "other": "other source",
}


@dataclass(frozen=True)
class Line:
    """What a route answers to each caller."""

    section: str
    method: str
    path: str
    answers: Mapping[str, str]

    @property
    def route(self) -> str:
        """Method and path template, wherever what it names is."""
        return f"{self.method} {self.path.removesuffix(IN_PRODUCTION)}"

    @property
    def is_in_production(self) -> bool:
        """Whether what it names is in Production rather than in Development."""
        return self.path.endswith(IN_PRODUCTION)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def lines(table: Path = TABLE) -> list[Line]:
    """Every line of a table."""
    return list(_lines(table))


def page() -> str:
    """The reference page."""
    made = [HEAD.rstrip()]
    section = None
    for line in lines():
        if line.section != section:
            section = line.section
            names = " | ".join(COLUMNS.values())
            made += ["", f"## {section}", "", f"| | {names} |", "|---" * (len(COLUMNS) + 1) + "|"]
        name = line.path if line.method == "*" else f"`{line}`"
        if line.is_in_production:
            name = f"`{line.route}`{IN_PRODUCTION}"
        made.append(f"| {name} | " + " | ".join(SHOWN[line.answers[each]] for each in COLUMNS) + " |")
    return "\n".join(made) + "\n"


def _lines(table: Path) -> Iterator[Line]:
    callers: list[str] = []
    section = ""
    for text in table.read_text().splitlines():
        if not text.strip() or text.startswith("#"):
            continue
        if text.startswith("["):
            section = text.strip("[] ")
        elif not callers:
            callers = text.split()
        else:
            method, *rest = text.split()
            path, answers = " ".join(rest[: -len(callers)]), rest[-len(callers) :]
            yield Line(section, method, path, dict(zip(callers, answers, strict=True)))


if __name__ == "__main__":
    sys.stdout.write(page())
