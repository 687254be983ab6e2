"""`azure`/`databricks`, on Azurite."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.destinations.kinds.contract import Contract, Peer
from tests.support.emulators import Azurite, needs_node
from tests.support.receiver import Receiver, answer


def refusal(status: int, code: str) -> Any:
    return answer(status, f"<Error><Code>{code}</Code></Error>".encode(), {"x-ms-error-code": code})


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    needs_node()
    with Azurite(tmp_path_factory.mktemp("azurite")) as started:
        yield started


@pytest.fixture(scope="module")
def peer(azurite: Azurite, gates: dict[str, Receiver]) -> Peer:
    def cloud(container: str, prefix: str) -> dict[str, Any]:
        settings = {"containerName": container, "storageAccountName": azurite.account, "fileNamePrefix": prefix}
        return {"typeId": "azure", "productId": "databricks", "settings": settings}

    return Peer(
        azurite, gates["azure"], cloud, "AzureSharedKey", {}, {"accountKey": azurite.key},
        refusal=refusal(403, "AuthenticationFailed"), refused="the account key is wrong or was replaced",
        denied=refusal(403, "AuthorizationPermissionMismatch"),
    )  # fmt: skip


class TestAzure(Contract):
    """The contract of every store."""

    def other_cloud(self, peer: Peer) -> dict[str, Any]:
        settings = {"bucketName": "inbox", "region": "eu-central-1"}
        return {"typeId": "aws", "productId": "s3", "settings": settings}
