"""The files that pages load: read when the dashboard is built, served under the digest of what is in them.

Whatever is asked for is looked up among these, so that no path leads out of the folder.
"""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from waypost.dashboard.navigation.addresses import HOME
from waypost.errors import NotFound

PREFIX = f"{HOME}/static"
FOR_EVER = "public, max-age=31536000, immutable"
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}
DIGEST_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class _File:
    digest: str
    media_type: str
    content: bytes
    gzipped: bytes


class Assets:
    """The files of a folder, by their names in it."""

    def __init__(self, folder: Path) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in sorted(folder.rglob("*"))
            if path.suffix in MEDIA_TYPES
        }

    def url(self, name: str) -> str:
        """Where a file is; another one as soon as anything in it changes. Raises KeyError for a wrong name."""
        return f"{PREFIX}/{self._files[name].digest}/{name}"

    def answer(self, request: Request, digest: str, name: str) -> Response:
        """The file. Raises NotFound, for an old digest too."""
        found = self._files.get(name)
        if found is None or found.digest != digest:
            raise NotFound("file")
        headers = {"cache-control": FOR_EVER, "vary": "accept-encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(found.gzipped, 200, headers | {"content-encoding": "gzip"}, found.media_type)
        return Response(found.content, 200, headers, found.media_type)


def _read(path: Path) -> _File:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:DIGEST_CHARACTERS]
    return _File(digest, MEDIA_TYPES[path.suffix], content, gzip.compress(content, mtime=0))
