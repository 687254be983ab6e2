"""`gcp`/`cloud-storage`, on fake-gcs-server."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.destinations.kinds.over_http import HttpPeer, OverHttp
from tests.support.emulators import Gcs
from tests.support.oauth_server import Expected, OAuthServer
from tests.support.receiver import Receiver, Reply, answer
from waypost.destinations.kinds.gcs import GcpCloudStorageSettings, GcsBucket
from waypost.settings import load

SECRET = "a-client-secret"


def refusal(status: int, reason: str) -> Reply:
    return answer(status, {"error": {"code": status, "message": "No.", "errors": [{"reason": reason}]}})


@pytest.fixture(scope="module")
def gcs() -> Iterator[Gcs]:
    with Gcs() as started:
        yield started


@pytest.fixture(scope="module")
def oauth() -> Iterator[OAuthServer]:
    with OAuthServer(Expected(client_id="the-client", client_secret=SECRET)) as made:
        yield made


@pytest.fixture(scope="module")
def peer(gcs: Gcs, oauth: OAuthServer, gates: dict[str, Receiver]) -> HttpPeer:
    def cloud(bucket: str, prefix: str) -> dict[str, Any]:
        settings = {"bucketName": bucket, "fileNamePrefix": prefix}
        return {"typeId": "gcp", "productId": "cloud-storage", "settings": settings}

    return HttpPeer(
        gcs, cloud, gates["gcs"], "OAuth_2.0_2-legged",
        {"grantType": "client_credentials", "url": oauth.url, "clientId": "the-client"}, {"clientSecret": SECRET},
        refusal=refusal(401, "authError"), refused="It does not take the token", denied=refusal(403, "forbidden"),
    )  # fmt: skip


class TestGcs(OverHttp):
    """The contract of every store."""


def test_the_service_is_googles_unless_an_operator_says_another() -> None:
    settings = GcpCloudStorageSettings(bucketName="inbox")
    name = "storage/v1/b/inbox/o/a%2Fb%20c?fields=size,metadata"
    assert GcsBucket(None, settings).look("a/b c").url == f"https://storage.googleapis.com/{name}"
    own = GcsBucket(load(gcs_url="https://gcs.clinic.example").gcs_url, settings)
    assert own.look("a/b c").url == f"https://gcs.clinic.example/{name}"
    assert own.write("n", b"{}", {}).url.startswith("https://gcs.clinic.example/upload/")
