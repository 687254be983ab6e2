"""Writes what Waypost is made of, from the hashed lock file, as CycloneDX JSON. `make sbom` runs it.

The same lock file and version give the same bytes: there is no time and no serial number in it.
"""

import json
import subprocess
import sys
from pathlib import Path

from waypost import __version__

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Write to the file that is named first; what follows is told to cyclonedx-py."""
    target, *more = sys.argv[1:]
    command = [
        sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", "requirements/run.txt",
        "--pyproject", "pyproject.toml", "--output-reproducible", "--spec-version", "1.6", *more,
    ]  # fmt: skip
    made = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    found = json.loads(made.stdout)
    found["metadata"]["component"]["version"] = __version__  # pyproject.toml has none that could be read
    written = Path(target)
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    print(f"{target}: {len(found['components'])} packages")


if __name__ == "__main__":
    main()
