"""Publishing the API's document: never an incompatible change that is not on record."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from manual.changes import incompatible

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
PUBLISHED = REFERENCE / "openapi.json"
RECORD = REFERENCE / "api-changes.md"


def unrecorded(made: Mapping[str, Any], published: str, record: str) -> list[str]:
    """The incompatible changes from the published document to this one that the record does not have."""
    known = set(re.findall(r"^- .*?`([^`]+)`", record, re.MULTILINE))
    return [change for change in incompatible(json.loads(published), made) if change not in known]
