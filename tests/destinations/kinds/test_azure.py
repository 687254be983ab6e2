"""`azure`/`databricks`, on Azurite."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.destinations.kinds.contract import name_of, verify
from tests.destinations.kinds.over_http import HttpPeer, OverHttp
from tests.support.emulators import Azurite, needs_node, new_key
from tests.support.house import House
from tests.support.oauth_server import Expected, OAuthServer
from tests.support.receiver import Receiver, Reply, answer
from waypost.destinations.kinds.azure import AzureContainer, AzureDatabricksSettings
from waypost.settings import load


def refusal(status: int, code: str) -> Reply:
    return answer(status, headers={"x-ms-error-code": code})  # no body, so that HEAD can be answered so, too


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    needs_node()
    with Azurite(tmp_path_factory.mktemp("azurite")) as started:
        yield started


@pytest.fixture(scope="module")
def peer(azurite: Azurite, gates: dict[str, Receiver]) -> HttpPeer:
    def cloud(container: str, prefix: str) -> dict[str, Any]:
        settings = {"containerName": container, "storageAccountName": azurite.account, "fileNamePrefix": prefix}
        return {"typeId": "azure", "productId": "databricks", "settings": settings}

    return HttpPeer(
        azurite, cloud, gates["azure"], "AzureSharedKey", {}, {"accountKey": azurite.key},
        refusal=refusal(403, "AuthenticationFailed"), refused="the account key is wrong or was replaced",
        denied=refusal(403, "AuthorizationPermissionMismatch"),
    )  # fmt: skip


class TestAzure(OverHttp):
    """The contract of every store."""

    def other_cloud(self, peer: HttpPeer) -> dict[str, Any]:
        settings = {"bucketName": "inbox", "region": "eu-central-1"}
        return {"typeId": "aws", "productId": "s3", "settings": settings}


def credential(house: House, strategy: str, **secret: str) -> str:
    body = {
        "name": "Keys", "environmentId": house.environments["Development"], "authStrategy": strategy, **secret,
    }  # fmt: skip
    made = house.call("POST", "/platform/v1/authcredentials", body)
    assert made.status == 201, made.body
    return str(made.payload["credential"]["id"])


@pytest.fixture
def opened(peer: HttpPeer) -> None:
    peer.behave()


@pytest.mark.usefixtures("opened")
def test_the_service_itself_refuses_a_wrong_key(house: House, azurite: Azurite, peer: HttpPeer) -> None:
    wrong = credential(house, "AzureSharedKey", accountKey=new_key())
    with peer.lane(house, peer.bucket(), authCredential=wrong) as lane:
        lane.send(1)
        held = lane.until("held")
        assert held["lastStatus"] == 403
        assert "the account key is wrong or was replaced" in held["reason"]
        right = {"accountKey": azurite.key}
        assert house.call("PATCH", f"/platform/v1/authcredentials/{wrong}", right).status == 200
        lane.until("idle")


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("mark", ["", "?"])
def test_a_sas_token_writes_until_it_expires(house: House, azurite: Azurite, peer: HttpPeer, mark: str) -> None:
    container = peer.bucket()
    sas = credential(house, "AzureSAS", sasToken=mark + azurite.sas(container, "rcd", 3600))
    with peer.lane(house, container, "a b/", authCredential=sas) as lane:
        assert verify(house, lane).payload["destination"]["verificationStatus"] == "verified"
        lane.send(1)
        lane.until("idle")
        assert peer.gate.requests[-1].target.count("?") == 1
        before = len(peer.gate.requests)
        lane.patch(authCredential=credential(house, "AzureSAS", sasToken=azurite.sas(container, "rcd", -60)))
        lane.send(2)
        assert "the SAS token expired at 20" in lane.until("held")["reason"]
        assert len(peer.gate.requests) == before
        lane.patch(authCredential=sas)
        lane.until("idle")
        assert len(azurite.objects(container)) == 2


@pytest.mark.usefixtures("opened")
def test_a_sas_that_may_create_but_not_look_says_so_when_the_blob_is_there(house: House, peer: HttpPeer) -> None:
    """Azure tells such a SAS of a blob that is there in words of its own, which Azurite does not have."""
    there, blind = refusal(403, "UnauthorizedBlobOverwrite"), refusal(403, "AuthorizationPermissionMismatch")
    with peer.lane(house, peer.bucket()) as lane:
        peer.gate.behave(there, blind)
        lane.send(1)
        reason = lane.until("held")["reason"]
        assert "cannot be looked at" in reason
        assert "the right to read blobs (`r` in a SAS)" in reason


@pytest.mark.usefixtures("opened")
def test_blocks_left_uncommitted_by_another_writer_are_replaced(
    house: House, azurite: Azurite, peer: HttpPeer
) -> None:
    container = peer.bucket()
    with peer.lane(house, container) as lane:
        with peer.shut(answer(503)):
            (log_id,) = lane.send(1)
            lane.until("held")
        azurite.begin(container, name_of(lane, log_id), b'{"half":')
        lane.act("retry")
        lane.until("idle")
        (stored,) = azurite.objects(container).values()
        assert stored.metadata["logid"] == log_id


@pytest.mark.parametrize(
    ("secret", "code"),
    [
        ({"accountKey": "not base64!"}, "invalid_account_key"),
        ({"accountKey": "c2hvcnQ="}, "invalid_account_key"),
        ({"accountKey": new_key() + "\n"}, "surrounding_whitespace"),
        ({"sasToken": "sv=2026-01-01"}, "invalid_sas_token"),
        ({"sasToken": "sig=x"}, "invalid_sas_token"),
        ({"sasToken": "https://a.blob.core.windows.net/?sv=1&sig=x"}, "invalid_sas_token"),
        ({"sasToken": "sv=1&sig=x&sp=rl"}, "sas_cannot_create"),
    ],
)
def test_a_secret_that_cannot_be_right_is_refused(house: House, secret: dict[str, str], code: str) -> None:
    strategy = "AzureSharedKey" if "accountKey" in secret else "AzureSAS"
    body = {
        "name": "Keys", "environmentId": house.environments["Development"], "authStrategy": strategy, **secret,
    }  # fmt: skip
    found = house.call("POST", "/platform/v1/authcredentials", body)
    assert (found.status, found.faults) == (400, [(f"/{next(iter(secret))}", code)])
    assert next(iter(secret.values())) not in found.body.decode()


def test_a_bearer_token_comes_with_a_version_of_the_api(house: House, peer: HttpPeer) -> None:
    with OAuthServer(Expected(client_id="the-client", client_secret="a-client-secret")) as oauth:
        body = {
            "name": "Entra", "environmentId": house.environments["Development"],
            "grantType": "client_credentials", "url": oauth.url, "clientId": "the-client",
            "clientSecret": "a-client-secret",
        }  # fmt: skip
        entra = house.call("POST", "/platform/v1/authcredentials", body).payload["credential"]["id"]
        with peer.lane(house, "inbox", authCredential=entra) as lane, peer.shut(answer(201)):
            lane.send(1)
            lane.until("idle")
        sent = peer.gate.requests[-1]
        assert oauth.accepts(sent.headers)
        assert (sent.method, sent.headers["x-ms-version"], sent.headers["if-none-match"]) == (
            "PUT", "2023-11-03", "*",
        )  # fmt: skip


def test_the_host_is_made_of_the_checked_account() -> None:
    given = AzureDatabricksSettings(containerName="inbox", storageAccountName="clinicdata")
    assert AzureContainer(load().azure_blob_url, given).look("a/b c").url == (
        "https://clinicdata.blob.core.windows.net/inbox/a/b%20c"
    )
