"""Which URLs and addresses the egress policy lets through, whatever they are spelled like."""

import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.egress.lists import EgressList
from waypost.egress.policy import Policy
from waypost.settings import Network

HOSTILE = [
    "http://127.0.0.1/",
    "http://127.0.0.1:9000/path?x=1",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.255.255.254/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0X7F.0x0.0x0.0x1/",
    "http://0x7f.1/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://0177.0.0.0x1/",
    "http://00000000177.0.0.1/",
    "http://127.0.0.1./",
    "http://127.1./",
    "http://2130706433./",
    "http://0/",
    "http://0.0.0.0/",
    "http://0.0.0.0:8080/",
    "http://0x/",
    "http://127.0.0.%31/",
    "http://%31%32%37.0.0.1/",
    "http://%6c%6f%63%61%6c%68%6f%73%74/",
    "http://127%2e0%2e0%2e1/",
    "http://１２７.0.0.1/",
    "http://127．0．0．1/",
    "http://127。0。0。1/",
    "http://127｡0｡0｡1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://②①③⓪⑦⓪⑥④③③/",
    "http://𝟏𝟐𝟕.𝟎.𝟎.𝟏/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "http://localhost/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://localhost../",
    "http://anything.localhost/",
    "http://a.b.LocalHost./",
    "http://localhost.localdomain/",
    "http://ip6-localhost/",
    "http://10.0.0.1/",
    "http://167772161/",
    "http://012.0.0.1/",
    "http://10.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://192.168.257/",
    "http://0xc0a80101/",
    "http://100.64.0.1/",
    "http://100.127.255.255/",
    "http://169.254.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/",
    "http://169.254.43518/",
    "http://169.16689662/",
    "http://169。254。169。254/",
    "http://100.100.100.200/",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://192.0.0.8/",
    "http://192.0.2.10/",
    "http://198.51.100.7/",
    "http://203.0.113.200/",
    "http://198.18.0.1/",
    "http://198.19.255.255/",
    "http://192.88.99.1/",
    "http://224.0.0.1/",
    "http://239.255.255.255/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://4294967295/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]:80/",
    "http://[::]/",
    "http://[::1%25lo]/",
    "http://[::1%lo]/",
    "http://[%3a%3a1]/",
    "http://[::127.0.0.1]/",
    "http://[::7f00:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::FFFF:7F00:1]/",
    "http://[0:0:0:0:0:ffff:10.0.0.1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[64:ff9b::a00:1]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[64:ff9b:1::a00:1]/",
    "http://[64:ff9b:1:a9fe:a9:fe00::]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a00:1::1]/",
    "http://[2002:a9fe:a9fe::]/",
    "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "http://[2001::1]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[fec0::1]/",
    "http://[fc00::1]/",
    "http://[fd12:3456:789a::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fd20:ce::254]/",
    "http://[ff02::1]/",
    "http://[100::1]/",
    "http://[2001:db8::1]/",
    "http://[3fff::1]/",
    "http://[5f00::1]/",
    "http://[2001:20::1]/",
    "http://[4000::1]/",
    "http://[2606:4700::5efe:169.254.169.254]/",
    "http://metadata/",
    "http://metadata./",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://METADATA.GOOGLE.INTERNAL./",
    "http://metadata.google.internal../",
    "http://metadata%2egoogle.internal/",
    "http://ｍetadata.google.internal/",
    "http://metadata。google。internal/",
    "http://metadata.goog/",
    "http://instance-data/",
    "http://instance-data.ec2.internal/",
    "http://metadata.azure.com/",
    "http://metadata.azure.internal/",
    "http://metadata.tencentyun.com/",
]

MALFORMED = [
    "",
    "/relative",
    "//example.com/",
    "example.com",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "javascript:alert(1)",
    "http:/example.com/",
    "http:example.com",
    "http://",
    "http:///path",
    "http://?x",
    "http://:80/",
    "http://user@example.com/",
    "http://user:word@example.com/",
    "http://@example.com/",
    "http://example.com@127.0.0.1/",
    "http://127.0.0.1:80@example.com/",
    "http://example.com/#part",
    "http://example.com/path#",
    "http://example.com#@127.0.0.1/",
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:99999999999/",
    "http://example.com:/",
    "http://example.com:-1/",
    "http://example.com:+80/",
    "http://example.com:8o/",
    "http://example.com:８０/",
    "http://example.com:80:80/",
    " http://example.com/",
    "http://example.com/ ",
    "http://example.com/a b",
    "http://exam ple.com/",
    "http://example.com/\t",
    "http://example.com/\r\nHost: other",
    "http://exa\nmple.com/",
    "http://example.com/\x00",
    "http://example.com/\x7f",
    "http://example.com/\u00a0",
    "http://example.com/\u2028",
    "http://127.0.0.1\u200b/",
    "http://127\u00ad.0.0.1/",
    "http://example.com/\ud800",
    "http://example.com\\@127.0.0.1/",
    "http:\\\\example.com\\",
    "http://[::1/",
    "http://::1/",
    "http://[example.com]/",
    "http://[v1.fe]/",
    "http://[1.2.3.4]/",
    "http://[::1]x/",
    "http://[::1][::2]/",
    "http://1.2.3.4.5/",
    "http://256.256.256.256/",
    "http://999999999999/",
    "http://example.123/",
    "http://1.1.1.0x/x",
    "http://exam%70le.com/",
    "http://a..b/",
    "http://.example.com/",
    "http://-a.example/",
    "http://a-.example/",
    "http://exa!mple.com/",
    "http://exa'mple.com/",
    "http://" + "a" * 64 + ".example/",
    "http://" + "a." * 130 + "example/",
    "http://134744072/",
    "http://0x8.8.8.8/",
    "http://8.8.8.8./",
    "http://010.8.8.8.8/",
    "http://example.com/" + "a" * 2048,
]

DECENT = [
    "http://example.com",
    "https://example.com/",
    "HTTPS://Example.COM/Path?q=a%20b&c=[]",
    "https://example.com./",
    "https://example.com:8443/x",
    "https://xn--bcher-kva.example/",
    "https://bücher.example/ü",
    "https://a_b.example/",
    "https://hospital/internal",
    "https://0xcafe.example/",
    "https://8.8.8.8/",
    "https://[2606:4700:4700::1111]:8443/",
    "https://[::ffff:8.8.8.8]/",
    "https://[64:ff9b::808:808]/",
    "https://[2002:808:808::1]/",
    "https://metadata.example.com/",
    "https://localhost.example.com/",
    "https://127.0.0.1.example.com/",
    "https://example.com/?next=http://127.0.0.1/",
    "https://example.com?x=@",
    "https://example.com/" + "a" * 2028,
]

EVERYTHING = [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]

NEVER = [
    "http://169.254.169.254/",
    "http://169.254.0.1/",
    "http://2852039166/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:0:169.254.169.254]/",
    "http://[::169.254.169.254]/",
    "http://[64:ff9b::169.254.169.254]/",
    "http://[64:ff9b:1::169.254.169.254]/",
    "http://[2002:a9fe:a9fe::]/",
    "http://[2001:0:a9fe:a9fe::]/",
    "http://[2001:0:1:1:0:0:5601:5601]/",
    "http://[fe80::5efe:169.254.169.254]/",
    "http://[fd00:ec2::254]/",
    "http://[fd00:ec2:0:0:0:0:0:254]/",
    "http://100.100.100.200/",
    "http://[::ffff:100.100.100.200]/",
    "http://168.63.129.16/",
    "http://[64:ff9b::168.63.129.16]/",
    "http://metadata.google.internal/",
    "http://metadata/",
    "http://instance-data/",
    "http://metadata.azure.com./",
]


def code(policy: Policy, url: str, *, https_only: bool = False) -> str | None:
    fault = policy.fault(url, https_only=https_only, pointer="/endpoint")
    return fault.code if fault else None


def networks(*blocks: str) -> list[Network]:
    return [ipaddress.ip_network(block) for block in blocks]


@pytest.mark.parametrize("url", HOSTILE)
def test_a_forbidden_address_is_refused_in_any_spelling(url: str) -> None:
    assert code(Policy([]), url) == "address_not_allowed"


@pytest.mark.parametrize("url", MALFORMED)
def test_what_two_parsers_could_read_differently_is_refused(url: str) -> None:
    assert code(Policy([]), url) == "invalid_url"


@pytest.mark.parametrize("url", DECENT)
def test_a_decent_url_passes(url: str) -> None:
    assert code(Policy([]), url) is None


@pytest.mark.parametrize("url", NEVER)
def test_metadata_is_refused_whatever_is_allowed(url: str) -> None:
    fault = Policy(EVERYTHING).fault(url, https_only=False, pointer="")
    assert fault is not None
    assert fault.code == "address_not_allowed"
    assert "never be allowed" in fault.detail


def test_a_fault_names_the_setting_and_not_the_value() -> None:
    fault = Policy([]).fault("http://10.20.30.40/s3cret", https_only=False, pointer="/endpoint")
    assert fault is not None
    assert fault.pointer == "/endpoint"
    assert "WAYPOST_ALLOWED_NETWORKS" in fault.detail
    assert "private address (10.0.0.0/8)" in fault.detail
    assert "10.20.30.40" not in fault.detail


def test_http_is_refused_where_https_is_required() -> None:
    assert code(Policy([]), "http://example.com/", https_only=True) == "https_required"
    assert code(Policy([]), "https://example.com/", https_only=True) is None


def test_every_fault_of_a_url_is_told_at_once() -> None:
    faults = Policy([]).faults("http://127.0.0.1/", https_only=True, pointer="/endpoint")
    assert [fault.code for fault in faults] == ["https_required", "address_not_allowed"]


@pytest.mark.parametrize(
    "url",
    [
        "http://10.1.2.3/",
        "http://[::ffff:10.1.2.3]/",
        "http://[64:ff9b::10.1.2.3]/",
        "http://[2002:a01:203::1]/",
        "http://localhost/",
        "http://127.9.9.9:81/",
        "http://[fd12::1]/",
    ],
)
def test_an_allowed_network_may_be_called(url: str) -> None:
    assert code(Policy(networks("10.0.0.0/8", "127.0.0.0/8", "fd12::/16")), url) is None


def test_allowing_one_network_allows_no_other() -> None:
    policy = Policy(networks("10.1.0.0/16"))
    assert code(policy, "http://10.1.255.255/") is None
    assert code(policy, "http://10.2.0.0/") == "address_not_allowed"
    assert code(policy, "http://127.0.0.1/") == "address_not_allowed"
    assert code(policy, "http://[fd12::1]/") == "address_not_allowed"


def test_allowing_all_of_ipv6_does_not_allow_ipv4_inside_it() -> None:
    policy = Policy(networks("::/0"))
    assert code(policy, "http://[fd12::1]/") is None
    assert code(policy, "http://[::ffff:10.0.0.1]/") == "address_not_allowed"
    assert code(policy, "http://[2002:a00:1::]/") == "address_not_allowed"


def test_an_odd_spelling_of_an_allowed_address_is_refused_because_it_could_not_be_dialled() -> None:
    policy = Policy(networks("127.0.0.0/8"))
    for url in (
        "http://127.1/",
        "http://2130706433/",
        "http://127.0.0.1./",
        "http://１27.0.0.1/",
        "http://[::1%25]/",
    ):
        assert code(policy, url) is not None


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/",
        "http://127.44.0.9:8080/",
        "http://localhost:8080/",
        "http://x.localhost:8080/",
        "http://[::1]:8080/",
        "http://[::ffff:127.0.0.1]:8080/",
        "http://[64:ff9b::127.0.0.1]:8080/",
        "http://0.0.0.0:8080/",
        "http://[::]:8080/",
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::", "::1", "::ffff:127.0.0.1"])
def test_wayposts_own_listener_is_refused_whatever_is_allowed(host: str, url: str) -> None:
    policy = Policy(EVERYTHING)
    assert code(policy, url) is None
    policy.protect(host, 8080)
    fault = policy.fault(url, https_only=False, pointer="")
    assert fault is not None
    assert "never be allowed" in fault.detail
    assert code(policy, url.replace(":8080", ":8081")) is None


def test_a_listener_on_one_address_is_refused_there_only() -> None:
    policy = Policy(EVERYTHING, [("10.0.0.5", 443)])
    assert code(policy, "https://10.0.0.5/") == "address_not_allowed"
    assert code(policy, "https://[::ffff:10.0.0.5]/") == "address_not_allowed"
    assert code(policy, "https://10.0.0.6/") is None
    assert code(policy, "http://10.0.0.5/") is None


def test_a_listener_on_every_address_is_refused_on_each_address_of_this_machine() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        address = probe.getsockname()[0]
    policy = Policy(EVERYTHING, [("0.0.0.0", 8080)])
    assert code(policy, f"http://{address}:8080/") == "address_not_allowed"
    assert code(policy, f"http://{address}:8081/") is None
    assert code(policy, "http://192.0.2.1:8080/") is None


def test_a_listener_is_named_by_its_address() -> None:
    with pytest.raises(ValueError, match=r"waypost\.internal"):
        Policy([]).protect("waypost.internal", 8080)


SPELLINGS = [
    lambda ip: str(ip),
    lambda ip: str(int(ip)),
    lambda ip: hex(int(ip)),
    lambda ip: ".".join(f"{octet:#o}".replace("0o", "0") for octet in ip.packed),
    lambda ip: ".".join(f"{octet:#x}" for octet in ip.packed),
    lambda ip: f"{ip}.",
    lambda ip: "".join(f"%{ord(letter):02x}" for letter in str(ip)),
    lambda ip: str(ip).translate({ord(str(digit)): 0xFF10 + digit for digit in range(10)}),
    lambda ip: f"[::ffff:{ip}]",
    lambda ip: f"[64:ff9b::{ip}]",
    lambda ip: f"[{IPv6Address(0x2002 << 112 | int(ip) << 80)}]",
]


@given(
    st.ip_addresses(v=4, network="10.0.0.0/8")
    | st.ip_addresses(v=4, network="127.0.0.0/8")
    | st.ip_addresses(v=4, network="100.64.0.0/10")
    | st.ip_addresses(v=4, network="224.0.0.0/3"),
    st.sampled_from(SPELLINGS),
)
def test_no_spelling_hides_a_forbidden_address(ip: IPv4Address, spelling: object) -> None:
    assert callable(spelling)
    assert code(Policy([]), f"http://{spelling(ip)}/") == "address_not_allowed"


@given(st.ip_addresses())
def test_a_dialled_address_is_judged_as_its_literal_is(ip: IPv4Address | IPv6Address) -> None:
    policy = Policy(networks("10.0.0.0/8", "fd00::/8"))
    literal = f"[{ip}]" if ip.version == 6 else str(ip)
    refused = policy.refusal(ip, 80) is not None
    assert refused == (code(policy, f"http://{literal}/") == "address_not_allowed")


def test_that_a_url_passed_before_says_nothing_for_another_list_or_a_listener_that_came_since() -> None:
    policy = Policy([ipaddress.ip_network("10.0.0.0/8")])
    url = "http://10.1.2.3:8080/"

    def passes(judge: Policy, *, https_only: bool = False) -> bool:
        return judge.fault(url, https_only=https_only, pointer="") is None

    assert passes(policy)
    assert passes(policy)
    assert not passes(policy, https_only=True)
    narrow = policy.within(EgressList(hosts=("ehr.example.org",)))
    assert not passes(narrow)
    assert passes(policy.within(EgressList(hosts=("10.1.2.3",))))
    assert passes(policy)
    policy.protect("10.1.2.3", 8080)
    assert not passes(policy)
    assert not passes(policy.within(EgressList(hosts=("10.1.2.3",))))
