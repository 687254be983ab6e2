"""`example`/`folder`, on the file system: `tests/docs/test_a_new_kind.py` runs it where the source has it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.destinations.kinds.contract import Contract, Peer
from tests.support.emulators import Stored
from tests.support.house import House


class Folders:
    """The folder's files, as tests reach them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def make(self, bucket: str, /) -> None:
        (self.root / bucket).mkdir(parents=True)

    def put(self, bucket: str, name: str, body: bytes, metadata: Mapping[str, str], /) -> None:
        path = self.root / bucket / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def remove(self, bucket: str, name: str, /) -> None:
        (self.root / bucket / name).unlink()

    def objects(self, bucket: str, /) -> dict[str, Stored]:
        folder = self.root / bucket
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): Stored(path.read_bytes(), "", {}) for path in files}


class FolderPeer(Peer):
    """Away, there is no folder."""

    store: Folders

    @contextmanager
    def away(self) -> Iterator[None]:
        root, elsewhere = self.store.root, self.store.root.with_name("elsewhere")
        root.rename(elsewhere)
        yield
        elsewhere.rename(root)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house"), retry_schedule=(3600,)) as made:
        yield made


@pytest.fixture(scope="module")
def peer(house: House) -> Peer:
    def cloud(bucket: str, prefix: str) -> dict[str, Any]:
        settings = {"folderName": bucket, "fileNamePrefix": prefix}
        return {"typeId": "example", "productId": "folder", "settings": settings}

    return FolderPeer(Folders(house.waypost.ground.settings.data / "delivered"), cloud)


class TestFolder(Contract):
    """The contract of every store."""
