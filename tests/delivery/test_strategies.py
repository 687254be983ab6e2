"""Delivery under other strategies, over the wire: what is signed is what arrives, and the key set is found."""

from typing import Any

from tests.credentials.strategies.test_aws_sigv4 import by_botocore
from tests.support.house import House
from tests.support.lanes import Lane, numbers
from tests.support.oauth_server import Assertion, OAuthServer
from tests.support.receiver import Receiver, Reply, Request, answer
from waypost.credentials.strategies.aws_sigv4 import AwsSigv4
from waypost.credentials.strategies.strategy import Outgoing


def a_credential(house: House, strategy: str, **fields: Any) -> str:
    tenant = house.household.clinic
    body = {"name": "Keys", "environmentId": tenant.development, "authStrategy": strategy, **fields}
    made = house.call("POST", "/platform/v1/authcredentials", body)
    assert made.status == 201, made.body
    return str(made.payload["credential"]["id"])


def test_botocore_takes_the_signature_of_the_request_that_arrives(patient: House, receiver: Receiver) -> None:
    fields = {"accessKey": "AKID", "secretKey": "s" * 40, "serviceName": "execute-api", "awsRegion": "eu-west-1"}

    def judge(request: Request) -> Reply:
        named = request.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
        assert {"content-type", "host", "waypost-sequence", "verification-token", "x-amz-date"} <= set(named)
        headers = {name: request.headers[name] for name in named if name not in {"host", "x-amz-date"}}
        url = f"http://{request.headers['host']}{request.target}"
        seen = Outgoing(request.method, url, headers, request.body)
        right = by_botocore(AwsSigv4.model_validate(fields), seen, request.headers["x-amz-date"])
        return answer(200 if request.headers["authorization"].endswith(right) else 403)

    receiver.behave(judge)
    credential = a_credential(patient, "AwsSigv4", **fields)
    endpoint = f"{receiver.url}/stage//a%20b/../in?z=1&a=%2F&a=%20"
    with Lane(patient, endpoint=endpoint, authCredential=credential, verificationToken="sesame") as lane:
        lane.send(*range(3))
        lane.until("idle")
    assert numbers(receiver) == [0, 1, 2]


def test_a_token_server_finds_the_key_that_waypost_made_at_the_address_that_the_assertion_names(
    patient: House, receiver: Receiver
) -> None:
    with OAuthServer() as oauth:
        oauth.now = patient.clock.now_ms
        credential = a_credential(patient, "SMART_Backend", url=oauth.url, clientId="app", algorithm="ES384")
        jwks = f"http://127.0.0.1:{patient.port}/waypost/v1/credentials/{credential}/jwks.json"
        oauth.expect(assertion=Assertion(jwks, "ES384", "app", "app", oauth.url, jku=jwks))
        receiver.behave(lambda request: answer(200 if oauth.accepts(request.headers) else 401))
        with Lane(patient, endpoint=receiver.url, authCredential=credential) as lane:
            lane.send(*range(3))
            lane.until("idle")
        assert (oauth.faults, oauth.fetches, numbers(receiver)) == ([], 1, [0, 1, 2])


def test_a_header_goes_with_every_message(patient: House, receiver: Receiver) -> None:
    credential = a_credential(patient, "Header", headerName="X-Api-Key", headerValue="key")
    with Lane(patient, endpoint=receiver.url, authCredential=credential) as lane:
        lane.send(1, 2)
        lane.until("idle")
    assert [request.headers["x-api-key"] for request in receiver.requests] == ["key", "key"]
