"""`make docs`: the made pages anew, then the site. Ends with status 1 for an incompatible change of the API."""

import sys
from pathlib import Path
from typing import Any

from manual import api, drawing, proven, settings, site
from manual.document import document, written
from manual.publishing import PUBLISHED, RECORD, REFERENCE, unrecorded
from waypost.credentials import page as strategies
from waypost.credentials.strategies import STRATEGIES
from waypost.destinations.kinds import page as kinds

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
FRONT = ROOT / "README.md"


def main() -> int:
    """Make everything; the exit status."""
    made = document()
    changes = unrecorded(made, PUBLISHED.read_text(), RECORD.read_text())
    if changes:
        print("These changes would break clients. Undo them, or record each in docs/reference/api-changes.md:")
        print("\n".join(f"- `{change}`" for change in changes))
        return 1
    for path, text in pages(made).items():
        path.write_text(text)
    return site.build()


def pages(made: dict[str, Any]) -> dict[Path, str]:
    """Every file that is made, whole or in part, with what has to be in it."""
    table = REFERENCE / "settings.md"
    return {
        PUBLISHED: written(made),
        REFERENCE / "api.md": api.page(made),
        REFERENCE / "credential-strategies.md": strategies.page(STRATEGIES),
        REFERENCE / "destination-kinds.md": kinds.page(),
        table: settings.page(table.read_text()),
        FRONT: proven.page(FRONT.read_text()),
        **{IMAGES / name: picture for name, picture in drawing.pictures().items()},
    }


if __name__ == "__main__":
    sys.exit(main())
