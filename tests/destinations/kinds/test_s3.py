"""`aws`/`s3`, on moto."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.destinations.kinds.contract import name_of
from tests.destinations.kinds.over_http import HttpPeer, OverHttp
from tests.support.emulators import Moto
from tests.support.house import House
from tests.support.receiver import Receiver, Reply, answer
from waypost.destinations.kinds.s3 import AwsS3Settings, S3Bucket
from waypost.settings import load


def refusal(status: int, code: str) -> Reply:
    return answer(status, f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode())


@pytest.fixture(scope="module")
def moto() -> Iterator[Moto]:
    with Moto() as started:
        yield started


@pytest.fixture(scope="module")
def peer(moto: Moto, gates: dict[str, Receiver]) -> HttpPeer:
    def cloud(bucket: str, prefix: str) -> dict[str, Any]:
        settings = {"bucketName": bucket, "region": "us-east-1", "fileNamePrefix": prefix}
        return {"typeId": "aws", "productId": "s3", "settings": settings}

    return HttpPeer(
        moto, cloud, gates["s3"], "AwsSigv4",
        {"accessKey": "AKIAEXAMPLE", "serviceName": "s3", "awsRegion": "us-east-1"},
        {"secretKey": "a-secret-access-key"},
        refusal=refusal(403, "SignatureDoesNotMatch"), refused="The credential's secret key is wrong.",
        denied=refusal(403, "AccessDenied"),
    )  # fmt: skip


class TestS3(OverHttp):
    """The contract of every store."""


class TestS3OnPostgresql(OverHttp):
    """Once more where our own store is the other one: the same of every kind, and this is the quickest."""

    @pytest.fixture
    def house(self, house_on_postgresql: House) -> House:
        return house_on_postgresql


def test_the_credential_signs_what_is_sent(house: House, peer: HttpPeer) -> None:
    peer.behave()
    with peer.lane(house, peer.bucket(), "a b/") as lane:
        (log_id,) = lane.send(1)
        lane.until("idle")
        sent = peer.gate.requests[-1]
        assert sent.target.endswith(name_of(lane, log_id, "/a%20b/"))
        signed = "content-type;host;if-none-match;x-amz-content-sha256;x-amz-date;x-amz-meta-datamodel"
        assert f"SignedHeaders={signed}" in sent.headers["authorization"]


@pytest.mark.parametrize(
    ("bucket", "region", "url"),
    [
        ("inbox", "eu-central-1", "https://inbox.s3.eu-central-1.amazonaws.com/probe"),
        ("in.box", "eu-central-1", "https://s3.eu-central-1.amazonaws.com/in.box/probe"),
        ("inbox", "cn-north-1", "https://inbox.s3.cn-north-1.amazonaws.com.cn/probe"),
        ("inbox", "us-gov-west-1", "https://inbox.s3.us-gov-west-1.amazonaws.com/probe"),
    ],
)
def test_the_host_is_made_of_checked_names(bucket: str, region: str, url: str) -> None:
    assert S3Bucket(None, AwsS3Settings(bucketName=bucket, region=region)).look("probe").url == url


def test_an_operators_store_has_the_bucket_in_its_path() -> None:
    store = S3Bucket(
        load(s3_url="https://s3.clinic.example/").s3_url, AwsS3Settings(bucketName="inbox", region="eu-west-1")
    )
    assert store.look("probe").url == "https://s3.clinic.example/inbox/probe"
