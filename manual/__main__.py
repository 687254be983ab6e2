"""`make docs`: the made pages anew, then the site. Ends with status 1 for an incompatible change of the API."""

import sys
from pathlib import Path

from manual import api, drawing, settings, site
from manual.document import document, written
from manual.publishing import PUBLISHED, RECORD, REFERENCE, unrecorded
from waypost.credentials import page as strategies
from waypost.credentials.strategies import STRATEGIES
from waypost.destinations.kinds import page as kinds

IMAGES = Path(__file__).parents[1] / "docs" / "images"


def main() -> int:
    """Make everything; the exit status."""
    made = document()
    changes = unrecorded(made, PUBLISHED.read_text(), RECORD.read_text())
    if changes:
        print("These changes would break clients. Undo them, or record each in docs/reference/api-changes.md:")
        print("\n".join(f"- `{change}`" for change in changes))
        return 1
    PUBLISHED.write_text(written(made))
    (REFERENCE / "api.md").write_text(api.page(made))
    (REFERENCE / "credential-strategies.md").write_text(strategies.page(STRATEGIES))
    (REFERENCE / "destination-kinds.md").write_text(kinds.page())
    table = REFERENCE / "settings.md"
    table.write_text(settings.page(table.read_text()))
    for name, picture in drawing.pictures().items():
        (IMAGES / name).write_text(picture)
    return site.build()


if __name__ == "__main__":
    sys.exit(main())
