"""What kinds declare: names and rules of their settings, and their shape in the API."""

from typing import Any

import pytest

from tests.support.house import House
from waypost.clock import from_iso
from waypost.credentials.strategies import STRATEGIES
from waypost.destinations.cloud import nearest
from waypost.destinations.kinds import CLOUD, HTTPS, kind_of
from waypost.destinations.kinds.kind import Item
from waypost.destinations.kinds.naming import header_safe, metadata_of, name_of
from waypost.settings import SettingsInvalid, load
from waypost.validation import check


def faults(pair: tuple[str, str], **settings: Any) -> list[tuple[str, str]]:
    """What is wrong with settings that are good but for these."""
    found = check(CLOUD[pair].settings, {**CLOUD[pair].example, **settings})[1]
    return [(fault.pointer, fault.code) for fault in found]


@pytest.mark.parametrize("pair", CLOUD)
def test_each_kind_is_created_shown_and_in_the_open_api_document(house: House, pair: tuple[str, str]) -> None:
    cloud = CLOUD[pair].named(CLOUD[pair].example)
    made = house.destination(cloudProviderSettings=cloud)
    assert made["cloudProviderSettings"] == cloud
    assert "endpoint" not in made
    schemas = house.call("GET", "/openapi.json", by=None).json["components"]["schemas"]
    shape = CLOUD[pair].settings.__name__
    assert schemas[shape]["properties"].keys() == CLOUD[pair].settings.model_fields.keys()
    assert all(each.get("description") for each in schemas[shape]["properties"].values())


@pytest.mark.parametrize(
    ("cloud", "pointer", "code"),
    [
        ({"typeId": "aws", "productId": "databricks"}, "/productId", "literal_error"),
        ({"typeId": "gcp", "productId": "cloud-storage"}, "/settings", "required"),
        ({"typeId": "aws", "productId": "s3", "settings": {"bucketName": "in_box"}}, "/settings/bucketName",
         "invalid_bucket_name"),
        ({"typeId": "aws", "productId": "s3", "settings": {**CLOUD["aws", "s3"].example, "secretKey": "x"}},
         "/settings/secretKey", "unknown_field"),
        (["aws"], "", "wrong_type"),
    ],
)  # fmt: skip
def test_a_kinds_own_faults_come_back(house: House, cloud: Any, pointer: str, code: str) -> None:
    path = f"/platform/v1/environments/{house.environments['Development']}/destinations"
    found = house.call("POST", path, {"name": "Lake", "cloudProviderSettings": cloud})
    assert found.status == 400
    assert (f"/cloudProviderSettings{pointer}", code) in found.faults


@pytest.mark.parametrize("pair", CLOUD)
@pytest.mark.parametrize(
    "prefix", ["", "a", "a/", "a/b/", "a.b/", "é 7/", "adt-", "a/...x", "x" * 512, "deep/" * 20]
)
def test_a_prefix_that_is_plain_is_taken(pair: tuple[str, str], prefix: str) -> None:
    assert faults(pair, fileNamePrefix=prefix) == []


@pytest.mark.parametrize("pair", CLOUD)
@pytest.mark.parametrize(
    "prefix",
    [
        "..", "../", "a/../b", ".", "a/./b", "a./b", "/", "/a", "a//b", "a\\b", "a\nb", "a\x00", "a\u202eb",
        "\ud800", "é" * 257, "x" * 513,
    ],
)  # fmt: skip
def test_a_prefix_that_could_mislead_is_refused(pair: tuple[str, str], prefix: str) -> None:
    ((pointer, _),) = faults(pair, fileNamePrefix=prefix)
    assert pointer == "/fileNamePrefix"


@pytest.mark.parametrize("bucket", ["abc", "a.b-c", "1234", "x" * 63])
def test_a_bucket_name_that_amazon_takes_is_taken(bucket: str) -> None:
    assert faults(("aws", "s3"), bucketName=bucket) == []


@pytest.mark.parametrize(
    "bucket",
    [
        "ab", "x" * 64, "A-b", "in_box", "-abc", "abc-", ".abc", "a..b", "a.-b", "192.168.0.1", "xn--abc",
        "sthree-abc", "abc-s3alias", "abc--x-s3", "a/b", "a@b", "abc\n", "évian", "",
    ],
)  # fmt: skip
def test_a_bucket_name_that_amazon_does_not_take_is_refused(bucket: str) -> None:
    assert faults(("aws", "s3"), bucketName=bucket) == [("/bucketName", "invalid_bucket_name")]


@pytest.mark.parametrize("region", ["eu-central-1", "us-gov-east-1", "ap-southeast-4", "eusc-de-east-1"])
def test_a_region_is_a_code(region: str) -> None:
    assert faults(("aws", "s3"), region=region) == []


@pytest.mark.parametrize(
    "region", ["", "europe", "eu-central", "EU-CENTRAL-1", "eu-central-1.evil.example", "a/b-1"]
)
def test_what_is_no_region_is_refused(region: str) -> None:
    assert faults(("aws", "s3"), region=region) == [("/region", "invalid_region")]


@pytest.mark.parametrize("bucket", ["abc", "a_b", "a.b.c", "x" * 63, ("x" * 60 + ".") * 3 + "com"])
def test_a_bucket_name_that_google_takes_is_taken(bucket: str) -> None:
    assert faults(("gcp", "cloud-storage"), bucketName=bucket) == []


@pytest.mark.parametrize(
    "bucket", ["ab", "x" * 64, "Abc", "-ab", "ab-", "goog-a", "my-google-b", "10.0.0.1", "a..b", "a/b", "a\n"]
)
def test_a_bucket_name_that_google_does_not_take_is_refused(bucket: str) -> None:
    assert faults(("gcp", "cloud-storage"), bucketName=bucket) == [("/bucketName", "invalid_bucket_name")]


def test_a_name_has_its_parts_in_their_order() -> None:
    item = Item(
        b"", "log", 42, from_iso("2026-11-23T23:59:59Z"), "source", "subscription", "Clinical Summary", "e"
    )
    assert name_of("ward/x-", item) == (
        "ward/x-Clinical-Summary/subscription/2026-11-23/00000000000000000042-log.json"
    )


def test_metadata_is_short_enough_for_every_store() -> None:
    item = Item(b"x" * 10**7, "l" * 36, 10**18, 0, "s" * 36, "s" * 36, "\U0001f3e5" * 64, "\U0001f3e5" * 128)
    marks = metadata_of(item)
    assert sum(len(name) + len(value) for name, value in marks.items()) < 2048
    assert all(value.isascii() and value.isprintable() and " " not in value for value in marks.values())


def test_a_value_is_never_cut_within_an_escape() -> None:
    assert header_safe("é" * 400).endswith(("%C3", "%A9"))


@pytest.mark.parametrize("kind", [HTTPS, *CLOUD.values()], ids=lambda kind: kind.name)
def test_every_setting_is_described_and_some_credential_fits_where_one_is_taken(kind: Any) -> None:
    assert all(info.description for info in kind.settings.model_fields.values())
    assert any(kind.accepts(strategy) for strategy in STRATEGIES) is kind.takes_credential


@pytest.mark.parametrize(
    ("named", "found"),
    [
        (("azure", "fabric"), ("azure", "fabric")),
        (("azure", "sql"), ("azure", "databricks")),
        (("oracle", "fabric"), None),
        ((["azure"], {}), None),
    ],
)
def test_of_two_products_of_a_provider_the_named_one_is_checked(named: Any, found: Any) -> None:
    assert nearest([("aws", "s3"), ("azure", "databricks"), ("azure", "fabric")], *named) == found


def test_a_kind_that_is_not_known_is_none() -> None:
    assert kind_of({"typeId": "azure", "productId": "fabric"}) is None
    assert kind_of(None) is HTTPS


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("azure_blob_url", "https://blob.example.com"),
        ("azure_blob_url", "{account}.example.com"),
        ("azure_blob_url", "https://{account}.{account}.example.com"),
        ("s3_url", "s3.example.com"),
        ("gcs_url", "file:///etc"),
    ],
)
def test_an_operators_url_that_cannot_be_used_is_said_at_start(name: str, url: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"WAYPOST_{name.upper()}"):
        load(**{name: url})
