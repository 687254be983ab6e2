"""GET and PUT of an environment's notifications: shapes, secrets, roles, faults, the audit trail."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.notifications.conftest import Watch
from tests.support.authority import Authority
from tests.support.house import House
from tests.support.serving import Answer

A_URL = "https://a.example.com/"
SECRET = "whsec_" + "c2VjcmV0" * 5  # 30 bytes
WEBHOOK = {"url": "https://hooks.example.com/notices?key=in-the-query", "secret": SECRET}
SMTP: dict[str, Any] = {
    "host": "mail.example.com", "port": 587, "security": "starttls", "username": "waypost", "password": "pa55word",
    "from": "waypost@example.com", "to": ["night@example.com", "day@example.com"],
}  # fmt: skip


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """No network is allowed but the open internet, and nothing is sent."""
    with House(tmp_path_factory.mktemp("strict"), deliver=False) as made:
        yield made


@pytest.fixture
def watch(strict: House) -> Iterator[Watch]:
    """In Production."""
    made = Watch(strict, "Production")
    yield made
    made.set_up()


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def test_nobody_is_told_until_somebody_is_named(strict: House) -> None:
    answered = Watch(strict, "Staging").get()
    assert answered.payload["notifications"] == {
        "environment": {"id": strict.environments["Staging"], "environmentFlag": "Staging"},
        "heldAfterSeconds": 300,
        "webhook": None,
        "smtp": None,
    }
    assert answered.headers["etag"] == '"0"'


def test_what_was_put_is_shown_without_its_secrets(watch: Watch) -> None:
    shown = watch.set_up(webhook=WEBHOOK, smtp=SMTP, heldAfterSeconds=60)
    assert shown == watch.get().payload["notifications"]
    assert shown["webhook"] == {"url": WEBHOOK["url"], "hasSecret": True}
    assert shown["smtp"] == without(SMTP, "password") | {"hasPassword": True, "caCertificate": None}
    assert shown["heldAfterSeconds"] == 60


def test_get_edit_put_keeps_the_secrets(watch: Watch) -> None:
    edited = watch.set_up(webhook=WEBHOOK, smtp=SMTP) | {"heldAfterSeconds": 60}
    assert watch.set_up(**edited) == edited


def test_secrets_are_sealed_in_the_store_and_open_again(watch: Watch) -> None:
    watch.set_up(webhook=WEBHOOK, smtp=SMTP)
    environment = watch.house.environments["Production"]
    row = watch.house.read(
        lambda tx: tx.exec_driver_sql("SELECT * FROM notification WHERE environment_id = ?", (environment,)).one()
    )
    assert b"pa55word" not in row.sealed
    assert SECRET.encode() not in row.sealed
    assert not [value for value in row if isinstance(value, str) and ("pa55word" in value or SECRET in value)]


@pytest.mark.parametrize("by", ["viewer", "support", "engineer"])
def test_every_role_of_the_environment_may_look(watch: Watch, by: str) -> None:
    assert watch.get(by=by).status == 200
    assert watch.house.call("GET", watch.path.replace("notifications", "notices"), by=by).status == 200


@pytest.mark.parametrize(
    ("by", "status"),
    [("viewer", 403), ("support", 403), ("admin without a role", 404), ("outsider", 404), (None, 401)],
)
def test_only_an_engineer_may_change_or_test(watch: Watch, by: str | None, status: int) -> None:
    assert watch.put({"webhook": WEBHOOK}, by=by).status == status
    assert watch.house.call("POST", f"{watch.path}/test", by=by).status == status


def test_outsiders_see_nothing(watch: Watch) -> None:
    assert watch.get(by="outsider").status == 404
    assert watch.house.call("GET", watch.path.replace("notifications", "notices"), by="outsider").status == 404


def test_a_stale_if_match_changes_nothing(watch: Watch) -> None:
    first = watch.put({"webhook": WEBHOOK}).headers["etag"]
    second = watch.put({"webhook": WEBHOOK, "heldAfterSeconds": 60}, headers={"if-match": first})
    assert second.status == 200
    stale = watch.put({"webhook": WEBHOOK, "heldAfterSeconds": 90}, headers={"if-match": first})
    assert stale.status == 412
    assert watch.get().payload["notifications"]["heldAfterSeconds"] == 60


def test_every_change_is_one_audit_event_without_secrets_and_queries(watch: Watch) -> None:
    environment = watch.house.environments["Production"]
    before = len(watch.house.events(environment))
    watch.set_up(webhook=WEBHOOK, smtp=SMTP)
    watch.set_up(webhook=WEBHOOK, smtp=SMTP)  # the same again is no change
    (event,) = watch.house.events(environment)[before:]
    assert (event["type"], event["environment_id"]) == ("notifications-updated", environment)
    details = event["details"]
    assert details["before"]["webhook"] is None
    assert details["after"]["webhook"] == {"url": "https://hooks.example.com/notices?…", "hasSecret": True}
    assert (details["after"]["webhook.secret"], details["after"]["smtp.password"]) == ("changed", "changed")
    said = json.dumps(event)
    assert not [word for word in ("pa55word", SECRET, "in-the-query") if word in said]


MOVES: list[tuple[str, dict[str, Any], str]] = [
    ("webhook", {"url": "https://elsewhere.example.com/notices"}, "/webhook/secret"),
    ("webhook", {"url": "https://hooks.example.com:8443/notices"}, "/webhook/secret"),
    ("smtp", {"host": "elsewhere.example.com"}, "/smtp/password"),
    ("smtp", {"port": 25}, "/smtp/password"),
    ("smtp", {"security": "tls"}, "/smtp/password"),
]


@pytest.mark.parametrize(("channel", "moved", "pointer"), MOVES)
def test_a_new_address_needs_the_secret_again(
    watch: Watch, channel: str, moved: dict[str, Any], pointer: str
) -> None:
    shown = watch.set_up(webhook=WEBHOOK, smtp=SMTP)
    body = shown | {channel: shown[channel] | moved}
    refused = watch.put(body)
    assert (refused.status, refused.faults) == (400, [(pointer, "secret_required")])
    assert watch.get().payload["notifications"] == shown

    secret = pointer.rpartition("/")[2]
    again = {"webhook": SECRET, "smtp": "pa55word"}[channel]
    assert watch.put(body | {channel: body[channel] | {secret: again}}).status == 200


def test_the_same_host_in_other_letters_is_no_new_address(watch: Watch) -> None:
    shown = watch.set_up(webhook=WEBHOOK, smtp=SMTP)
    shown["webhook"]["url"] = "https://HOOKS.example.com:443/another/path"
    shown["smtp"]["host"] = "Mail.example.com"
    assert watch.put(shown).status == 200


def test_null_clears_a_secret_and_leaving_a_channel_out_takes_it_away(watch: Watch) -> None:
    shown = watch.set_up(webhook=WEBHOOK, smtp=SMTP)
    moved = {"url": "https://elsewhere.example.com/", "secret": None}
    answered = watch.set_up(webhook=moved, heldAfterSeconds=300)
    assert answered["webhook"] == {"url": "https://elsewhere.example.com/", "hasSecret": False}
    assert answered["smtp"] is None
    smtp = without(shown["smtp"], "hasPassword")
    assert watch.put({"smtp": smtp}).faults == [("/smtp/password", "required")]  # it went with the channel


FAULTS: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"webhook": {"url": "http://hooks.example.com/"}}, [("/webhook/url", "https_required")]),
    ({"webhook": {"url": "https://10.1.2.3/"}}, [("/webhook/url", "address_not_allowed")]),
    ({"webhook": {"url": "https://169.254.169.254/"}}, [("/webhook/url", "address_not_allowed")]),
    ({"webhook": {"url": "ftp://hooks.example.com/"}}, [("/webhook/url", "invalid_url")]),
    ({"webhook": {"url": A_URL, "secret": "whsec_short"}}, [("/webhook/secret", "invalid_secret")]),
    ({"webhook": {}}, [("/webhook/url", "required")]),
    ({"webhook": {"url": A_URL, "hasSecret": True}}, [("/webhook/hasSecret", "immutable")]),
    ({"smtp": SMTP | {"host": "127.0.0.1"}}, [("/smtp/host", "address_not_allowed")]),
    ({"smtp": SMTP | {"host": "2130706433"}}, [("/smtp/host", "address_not_allowed")]),
    ({"smtp": SMTP | {"host": "::ffff:10.0.0.1"}}, [("/smtp/host", "address_not_allowed")]),
    ({"smtp": SMTP | {"host": "metadata.google.internal"}}, [("/smtp/host", "address_not_allowed")]),
    ({"smtp": SMTP | {"host": "user@mail.example.com"}}, [("/smtp/host", "invalid_host")]),
    ({"smtp": SMTP | {"host": "mail.example.com/x"}}, [("/smtp/host", "invalid_host")]),
    ({"smtp": SMTP | {"security": "none"}}, [("/smtp/security", "tls_required")]),
    ({"smtp": SMTP | {"security": "ssl"}}, [("/smtp/security", "enum")]),
    ({"smtp": SMTP | {"from": "a@example.com\r\nBcc: b@example.com"}}, [("/smtp/from", "invalid_address")]),
    ({"smtp": SMTP | {"to": []}}, [("/smtp/to", "too_short")]),
    ({"smtp": SMTP | {"to": ["not an address"]}}, [("/smtp/to/0", "invalid_address")]),
    ({"smtp": without(SMTP, "password")}, [("/smtp/password", "required")]),
    ({"smtp": without(SMTP, "username")}, [("/smtp/username", "required")]),
    ({"smtp": SMTP | {"caCertificate": "none of that"}}, [("/smtp/caCertificate", "invalid_certificate")]),
    ({"heldAfterSeconds": 0}, [("/heldAfterSeconds", "greater_than_equal")]),
    ({"heldFor": 5}, [("/heldFor", "unknown_field")]),
    ({"environment": {"id": "another"}}, [("/environment", "immutable")]),
    (
        {"webhook": {"url": "http://10.1.2.3/"}, "smtp": SMTP | {"host": "10.0.0.1", "port": 0}},
        [
            ("/smtp/port", "greater_than_equal"), ("/webhook/url", "https_required"),
            ("/webhook/url", "address_not_allowed"), ("/smtp/host", "address_not_allowed"),
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("body", "faults"), FAULTS)
def test_what_cannot_be_used_is_refused_with_every_fault(
    watch: Watch, body: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    refused = watch.put(body)
    assert (refused.status, refused.faults) == (400, faults)
    assert "pa55word" not in refused.body.decode()
    assert watch.get().payload["notifications"]["webhook"] is None


def test_certificates_of_an_own_authority_are_taken(
    watch: Watch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    assert watch.set_up(smtp=SMTP | {"caCertificate": authority.pem})["smtp"]["caCertificate"] == authority.pem


def test_a_test_needs_a_channel(watch: Watch) -> None:
    refused: Answer = watch.house.call("POST", f"{watch.path}/test")
    assert (refused.status, refused.json["type"].rpartition("/")[2]) == (409, "no_channel")


def test_http_is_for_development_only(strict: House) -> None:
    watch = Watch(strict, "Development")
    assert watch.set_up(webhook={"url": "http://hooks.example.com/"})["webhook"]["hasSecret"] is False
    assert watch.set_up(smtp=SMTP | {"security": "none"})["smtp"]["hasPassword"] is True
    watch.set_up()
