"""Houses whose cloud stores stand behind gates on this machine."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.house import LOOPBACK, House
from tests.support.receiver import Receiver


@pytest.fixture(scope="package")
def gates() -> Iterator[dict[str, Receiver]]:
    with ExitStack() as stack:
        yield {kind: stack.enter_context(Receiver()) for kind in ("azure", "s3", "gcs")}


@pytest.fixture(scope="package")
def house(gates: dict[str, Receiver], tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The embedded store's, which most tests share."""
    with lake(gates, tmp_path_factory.mktemp("lake")) as made:
        yield made


@pytest.fixture(scope="package")
def house_on_postgresql(gates: dict[str, Receiver], tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with lake(gates, tmp_path_factory.mktemp("lake"), on="postgresql") as made:
        yield made


def lake(gates: dict[str, Receiver], folder: Path, on: str = "sqlite") -> House:
    """What failed waits for an hour, unless something wakes it."""
    urls: dict[str, Any] = {
        "azure_blob_url": gates["azure"].url + "{account}",
        "s3_url": gates["s3"].url,
        "gcs_url": gates["gcs"].url,
    }
    return House(folder, on=on, allowed_networks=LOOPBACK, retry_schedule=(3600,), **urls)
