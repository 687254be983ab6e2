"""PATCH: where an endpoint may be. The same rules hold when a destination is made, and for a verification."""

from collections.abc import Iterator

import pytest

from tests.destinations.calls import Made, get, patch, path
from tests.support.house import House

ONE = "https://one.example.com/in"

GOOD = [
    "https://example.com",
    "https://example.com/",
    "HTTPS://EXAMPLE.COM/In?a=b&c=%20d",
    "https://example.com:8443/redox",
    "https://example.com./in",
    "https://xn--bcher-kva.example/",
    "https://bücher.example/",
    "https://8.8.8.8/in",
    "https://[2606:4700:4700::1111]/in",
    "https://a_b.example.com/",
    "https://intranet/in",
    "https://example.com/" + "x" * (2048 - len("https://example.com/")),
]
NOT_A_URL = [
    "example.com",
    "//example.com/in",
    "/in",
    "?a=b",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "javascript:alert(1)",
    "https://",
    "https:///in",
    "https:example.com",
    "https//example.com",
    " https://example.com/",
    "https://user@example.com/",
    "https://user:word@example.com/",
    "https://@example.com/",
    "https://example.com/#here",
    "https://example.com/in#",
    "https://exa mple.com/",
    "https://example.com/a b",
    "https://example.com/\r\nHost: other",
    "https://example.com/\x00",
    "https://example.com\\@other.example.com/",
    "https://example.com:0/",
    "https://example.com:65536/",
    "https://example.com:https/",
    "https://example.com:-1/",
    "https://[2606:4700::1111/",
    "https://[example.com]/",
    "https://exa..mple.com/",
    "https://exam%70le.com/",
]
FORBIDDEN = [
    # loopback
    "127.0.0.1",
    "127.255.255.254",
    "localhost",
    "LOCALHOST.",
    "app.localhost",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    # the same, spelled otherwise
    "2130706433",
    "0x7f000001",
    "0x7F.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "127.0.0.1.",
    "127。0。0。1",
    "１２７.0.0.1",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[::ffff:0:127.0.0.1]",
    # unspecified, private, link-local, shared, multicast, reserved
    "0.0.0.0",
    "[::]",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "3232235777",
    "[fc00::1]",
    "[fd12:3456::1]",
    "[::ffff:10.0.0.1]",
    "[2002:0a00:0001::]",
    "169.254.10.10",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "100.64.0.1",
    "100.127.255.254",
    "224.0.0.1",
    "239.255.255.250",
    "[ff02::1]",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "[2001:db8::1]",
    "[fec0::1]",
]
NEVER = [
    "169.254.169.254",
    "169.254.170.2",
    "2852039166",
    "0xA9FEA9FE",
    "0251.0376.0251.0376",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "[fd00:ec2::254]",
    "[fd00:0ec2:0:0:0:0:0:254]",
    "100.100.100.200",
    "168.63.129.16",
    "metadata.google.internal",
    "METADATA.GOOGLE.INTERNAL.",
    "metadata",
    "instance-data",
    "metadata.azure.com",
]


@pytest.fixture(scope="module")
def permissive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Whatever can be allowed is allowed."""
    with House(tmp_path_factory.mktemp("permissive"), allowed_networks="0.0.0.0/0,::/0", deliver=False) as made:
        yield made


@pytest.fixture(scope="module")
def made(strict: House) -> Made:
    return strict.destination(endpoint=ONE)


@pytest.fixture(scope="module")
def theirs(permissive: House) -> Made:
    return permissive.destination(endpoint=ONE)


@pytest.mark.parametrize("environment", ["Development", "Staging", "Production"])
@pytest.mark.parametrize("endpoint", GOOD)
def test_an_https_url_is_accepted_and_kept_to_the_letter(strict: House, environment: str, endpoint: str) -> None:
    made = strict.destination(environment, endpoint=ONE)
    answer = patch(strict, made, {"endpoint": endpoint})
    assert (answer.status, answer.payload["destination"]["endpoint"]) == (200, endpoint)
    assert get(strict, made)["endpoint"] == endpoint


@pytest.mark.parametrize("endpoint", NOT_A_URL)
def test_what_is_not_an_absolute_plain_url_is_refused(strict: House, made: Made, endpoint: str) -> None:
    answer = patch(strict, made, {"endpoint": endpoint})
    assert (answer.status, answer.faults) == (400, [("/endpoint", "invalid_url")])


@pytest.mark.parametrize(("length", "code"), [(0, "string_too_short"), (2049, "string_too_long")])
def test_an_endpoint_has_1_to_2048_characters(strict: House, made: Made, length: int, code: str) -> None:
    endpoint = f"{ONE}/{'x' * 2048}"[:length]
    assert patch(strict, made, {"endpoint": endpoint}).faults == [("/endpoint", code)]


@pytest.mark.parametrize("environment", ["Production", "Staging"])
def test_plain_http_is_refused_outside_development(strict: House, environment: str) -> None:
    made = strict.destination(environment, endpoint=ONE)
    answer = patch(strict, made, {"endpoint": "http://one.example.com/in"})
    assert (answer.status, answer.faults) == (400, [("/endpoint", "https_required")])
    assert get(strict, made) == made


def test_plain_http_is_accepted_in_development(strict: House) -> None:
    answer = patch(strict, strict.destination(endpoint=ONE), {"endpoint": "http://one.example.com/in"})
    assert (answer.status, answer.payload["destination"]["endpoint"]) == (200, "http://one.example.com/in")


@pytest.mark.parametrize("host", FORBIDDEN + NEVER)
def test_a_forbidden_address_is_refused_in_any_spelling(strict: House, made: Made, host: str) -> None:
    for endpoint in (f"https://{host}/in", f"https://{host}:8443/in"):
        answer = patch(strict, made, {"endpoint": endpoint})
        assert (answer.status, answer.faults) == (400, [("/endpoint", "address_not_allowed")]), endpoint


def test_a_refused_network_names_the_setting_that_allows_it(strict: House, made: Made) -> None:
    answer = patch(strict, made, {"endpoint": "https://10.0.0.1/"})
    assert "WAYPOST_ALLOWED_NETWORKS" in answer.json["errors"][0]["detail"]


def test_forbidden_and_plain_are_two_faults(strict: House) -> None:
    answer = patch(strict, strict.destination("Production"), {"endpoint": "http://10.0.0.1/"})
    assert sorted(answer.faults) == [("/endpoint", "address_not_allowed"), ("/endpoint", "https_required")]


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "10.1.2.3", "192.168.1.1", "[fd12:3456::1]"])
def test_an_allowed_network_may_be_used(permissive: House, theirs: Made, host: str) -> None:
    assert patch(permissive, theirs, {"endpoint": f"https://{host}:9443/in"}).status == 200


@pytest.mark.parametrize("host", NEVER)
def test_a_metadata_service_is_refused_whatever_is_allowed(permissive: House, theirs: Made, host: str) -> None:
    answer = patch(permissive, theirs, {"endpoint": f"http://{host}/latest/meta-data/"})
    assert (answer.status, answer.faults) == (400, [("/endpoint", "address_not_allowed")])
    assert "never" in answer.json["errors"][0]["detail"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.0.0.2", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0"]
)
def test_its_own_listener_is_refused_whatever_is_allowed(permissive: House, theirs: Made, host: str) -> None:
    answer = patch(permissive, theirs, {"endpoint": f"http://{host}:{permissive.port}/endpoint"})
    assert (answer.status, answer.faults) == (400, [("/endpoint", "address_not_allowed")])


def test_another_port_of_its_own_machine_is_not_its_listener(permissive: House, theirs: Made) -> None:
    assert patch(permissive, theirs, {"endpoint": f"http://127.0.0.1:{permissive.port - 1}/"}).status == 200


@pytest.mark.parametrize("endpoint", ["ftp://example.com/", "http://10.0.0.1/", "https://169.254.169.254/"])
def test_creating_and_verifying_judge_an_endpoint_alike(strict: House, endpoint: str) -> None:
    made = strict.destination("Production", endpoint=ONE, verificationToken="t0ken")
    wanted = sorted(patch(strict, made, {"endpoint": endpoint}).faults)
    create = f"/platform/v1/environments/{strict.environments['Production']}/destinations"
    assert sorted(strict.call("POST", create, {"name": "Ward", "endpoint": endpoint}).faults) == wanted
    assert sorted(strict.call("POST", path(made) + "/verify", {"endpoint": endpoint}).faults) == wanted
