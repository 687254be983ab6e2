"""HTTPS: a receiver with an authority of its own and client certificates, together with a credential."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.authority import Authority
from tests.support.house import House
from tests.support.lanes import Lane, numbers
from tests.support.oauth_server import Expected, OAuthServer
from tests.support.receiver import Receiver, answer

SECRET = "a-client-secret"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def receiver(authority: Authority) -> Iterator[Receiver]:
    """It asks for a client certificate of its authority."""
    with Receiver(tls=authority.server(asks_for_certificate=True)) as made:
        yield made


@pytest.fixture(scope="module")
def oauth() -> Iterator[OAuthServer]:
    with OAuthServer(Expected(client_id="the-client", client_secret=SECRET)) as made:
        yield made


def credential(house: House, oauth: OAuthServer) -> str:
    body = {
        "name": "Keys", "environmentId": house.environments["Development"], "grantType": "client_credentials",
        "url": oauth.url, "clientId": "the-client", "clientSecret": SECRET,
    }  # fmt: skip
    return str(house.call("POST", "/platform/v1/authcredentials", body).payload["credential"]["id"])


def identity(authority: Authority) -> dict[str, str]:
    certificate, key = authority.issue("waypost")
    return {
        "caCertificate": authority.pem, "clientCertificate": Path(certificate).read_text(),
        "clientKey": Path(key).read_text(),
    }  # fmt: skip


def test_certificates_and_a_credential_go_together(
    house: House, receiver: Receiver, authority: Authority, oauth: OAuthServer
) -> None:
    keys = credential(house, oauth)
    with Lane(house, endpoint=receiver.url, authCredential=keys, tls=identity(authority)) as lane:
        lane.send(1, 2, 3)
        lane.until("idle")
    assert numbers(receiver) == [1, 2, 3]
    assert all(oauth.accepts(request.headers) for request in receiver.requests)


def test_without_the_client_certificate_the_queue_holds_until_it_has_one(
    house: House, receiver: Receiver, authority: Authority
) -> None:
    with Lane(house, endpoint=receiver.url, tls={"caCertificate": authority.pem}) as lane:
        lane.send(1)
        assert "client certificate" in lane.until("held")["reason"]
        lane.settings(tls=identity(authority))
        lane.until("idle")
    assert numbers(receiver) == [1]


def test_an_authority_that_is_not_known_is_said(house: House, receiver: Receiver) -> None:
    with Lane(house, endpoint=receiver.url) as lane:
        lane.send(1)
        assert "unknown authority" in lane.until("held")["reason"]


@pytest.mark.parametrize(("strategy", "secret"), [("AzureSAS", {"sasToken": "sv=1&sig=x"})])
def test_a_credential_that_is_for_a_store_is_refused(house: House, strategy: str, secret: dict[str, str]) -> None:
    body = {
        "name": "Keys", "environmentId": house.environments["Development"], "authStrategy": strategy, **secret,
    }  # fmt: skip
    keys = house.call("POST", "/platform/v1/authcredentials", body).payload["credential"]["id"]
    with Receiver(answer()) as receiver:
        made = house.destination(endpoint=receiver.url)
        found = house.call("PATCH", f"/platform/v1/destinations/{made['id']}", {"authCredential": keys})
    assert (found.status, found.faults) == (400, [("/authCredential", "credential_kind")])


def test_a_destination_that_comes_to_be_of_a_kind_must_have_a_credential_for_it(
    house: House, oauth: OAuthServer
) -> None:
    step = {"step": "kind", "destination": {"name": None}}
    made = house.destination(setupState=step, authCredential=credential(house, oauth))
    path = f"/waypost/v1/destinations/{made['id']}/setup"
    settings = {"bucketName": "inbox", "region": "eu-central-1"}
    cloud = {"typeId": "aws", "productId": "s3", "settings": settings}
    found = house.call("PUT", path, {"setupState": step, "cloudProviderSettings": cloud})
    assert (found.status, found.faults) == (400, [("/cloudProviderSettings", "credential_kind")])
    assert house.call("PUT", path, {"setupState": None, "endpoint": "https://one.example.com/"}).status == 200
