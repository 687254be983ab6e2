"""How notices go out: signed, retried in their order, and only where the egress policy lets them."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.notifications.conftest import Watch, smtp_of
from tests.support.authority import Authority
from tests.support.house import House
from tests.support.lanes import Lane
from tests.support.mail import MailServer
from tests.support.receiver import Receiver, answer, reset
from tests.support.waiting import until
from tests.support.waypost import free_port

SECRET = "whsec_" + "c2VjcmV0" * 5


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def production(house: House) -> Iterator[Watch]:
    """Production, whose notices are raised by moving a destination."""
    made = Watch(house, "Production")
    yield made
    made.set_up()


def move(watch: Watch, *hosts: str) -> str:
    """A destination in Production that moves from the first host to each of the others; its id."""
    first, *others = hosts
    made = watch.house.destination("Production", endpoint=f"https://{first}/in", name="Ward 7")
    for host in others:
        path = f"/platform/v1/destinations/{made['id']}"
        assert watch.house.call("PATCH", path, {"endpoint": f"https://{host}/in"}).status == 200
    return str(made["id"])


def state(watch: Watch, about: str) -> list[tuple[str, int, str | None]]:
    return [
        (each["state"], each["attempts"], each["reason"])
        for notice in watch.notices(about=about)
        for each in notice["deliveries"]
    ]


def test_a_notice_is_signed_by_standard_webhooks(watch: Watch, hook: Receiver) -> None:
    watch.set_up(webhook={"url": hook.url, "secret": SECRET})
    assert watch.test() == {"webhook": {"sent": True, "reason": None}}
    (told,) = hook.requests
    verified = Webhook(SECRET).verify(told.body, told.headers)
    assert verified["type"] == "notifications.tested"
    assert told.headers["content-type"] == "application/json"


def test_without_a_secret_a_notice_has_an_id_and_no_signature(watch: Watch, hook: Receiver) -> None:
    watch.set_up(webhook={"url": hook.url})
    watch.test()
    (told,) = hook.requests
    assert told.headers["webhook-id"] == told.json["data"]["noticeId"]
    assert "webhook-signature" not in told.headers


def test_a_test_says_what_is_wrong_with_each_channel(watch: Watch, hook: Receiver, mail: MailServer) -> None:
    hook.behave(answer(500, b"words of the receiver"))
    mail.refuse(554)
    watch.set_up(webhook={"url": hook.url}, smtp=smtp_of(mail))
    assert watch.test() == {
        "webhook": {"sent": False, "reason": "The webhook answered 500."},
        "smtp": {"sent": False, "reason": "The mail server answered 554."},
    }
    event = watch.house.events(watch.house.environments["Development"])[-1]
    assert (event["type"], event["details"]["channels"]) == ("notifications-tested", ["smtp", "webhook"])


def test_a_mail_goes_over_starttls_with_a_login(watch: Watch, authority: Authority) -> None:
    with MailServer(tls=authority.server("127.0.0.1"), login=("waypost", "pa55word")) as server:
        smtp = smtp_of(server, security="starttls", username="waypost", caCertificate=authority.pem)
        watch.set_up(smtp=smtp | {"password": "wr0ng"})
        assert watch.test()["smtp"]["reason"] == "The mail server refused user name and password (535)."
        watch.set_up(smtp=smtp | {"password": "pa55word"})
        assert watch.test() == {"smtp": {"sent": True, "reason": None}}
        (mail,) = server.mails
    assert (mail.over_tls, mail.login) == (True, "waypost")


def test_a_mail_goes_over_tls_from_the_first_byte(watch: Watch, authority: Authority) -> None:
    with MailServer(tls=authority.server("127.0.0.1"), at_once=True) as server:
        watch.set_up(smtp=smtp_of(server, security="tls", caCertificate=authority.pem))
        assert watch.test()["smtp"]["sent"]
        assert len(server.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_server_that_nobody_vouches_for_gets_nothing(
    watch: Watch, authority: Authority, security: str
) -> None:
    with MailServer(tls=authority.server("127.0.0.1"), at_once=security == "tls") as server:
        watch.set_up(smtp=smtp_of(server, security=security))
        reason = watch.test()["smtp"]["reason"]
        assert reason.startswith("No TLS connection with the mail server: its certificate comes from an unknown")
        assert server.mails == []


def test_a_mail_server_without_starttls_gets_nothing(watch: Watch, mail: MailServer) -> None:
    watch.set_up(smtp=smtp_of(mail, security="starttls"))
    assert not watch.test()["smtp"]["sent"]
    assert mail.mails == []


def test_a_mail_server_that_is_not_there_is_named_as_such(watch: Watch, mail: MailServer) -> None:
    watch.set_up(smtp=smtp_of(mail, port=free_port()))
    words = "The host refused the connection: nothing listens on that port."
    assert watch.test()["smtp"] == {"sent": False, "reason": words}


def test_a_name_that_leads_inside_is_refused_when_it_is_dialled(tmp_path: Path, mail: MailServer) -> None:
    """What is written passes; the address that it leads to does not."""
    name = socket.gethostname()
    with House(tmp_path, deliver=False) as strict:
        watch = Watch(strict)
        watch.set_up(smtp=smtp_of(mail, host=name))
        reason = watch.test()["smtp"]["reason"]
    assert reason.startswith("The host leads to a refused address.")
    assert mail.mails == []


def test_waypost_itself_is_never_dialled(watch: Watch, mail: MailServer) -> None:
    refused = watch.put({"smtp": smtp_of(mail, port=watch.house.port)})
    assert refused.faults == [("/smtp/host", "address_not_allowed")]


def test_a_webhook_that_fails_is_tried_again_and_nothing_overtakes(
    house: House, watch: Watch, hook: Receiver, ward: Receiver
) -> None:
    hook.behave(reset(), answer(503), answer(200))
    watch.set_up(webhook={"url": hook.url})
    with Lane(house, endpoint=ward.url) as first, Lane(house, endpoint=ward.url) as second:
        for lane in (first, second):
            lane.send(1)
            lane.until("held")
        watch.later(301)
        until(lambda: state(watch, first.queue_id)[0][1] == 1, "the first try")
        watch.look()
        assert len(hook.requests) == 1
        watch.later(6)
        until(lambda: state(watch, first.queue_id)[0][1] == 2, "the second try")
        assert state(watch, first.queue_id)[0] == ("pending", 2, "The webhook answered 503.")
        watch.later(6)
        assert len(hook.requests) == 2
        watch.later(6)
        told = hook.wait(4)
    assert [each.json["data"]["queueId"] for each in told] == [first.queue_id] * 3 + [second.queue_id]
    assert len({each.headers["webhook-id"] for each in told}) == 2


def test_mails_that_are_refused_are_tried_again_in_their_order(production: Watch, mail: MailServer) -> None:
    mail.refuse(451)
    production.set_up(smtp=smtp_of(mail))
    about = move(production, "one.example.com", "two.example.com")
    until(lambda: state(production, about) == [("pending", 1, "The mail server answered 451.")], "the first try")
    other = move(production, "one.example.com", "three.example.com")
    production.look()
    assert state(production, other) == [("pending", 0, None)]
    assert mail.refused == 1

    mail.refuse(None)
    production.later(6)
    (sent,) = mail.wait(1)
    assert sent.text.index("two.example.com") < sent.text.index("three.example.com")
    until(lambda: state(production, other) == [("sent", 1, None)], "the record of its sending")
    assert sent.message["Subject"].startswith("Waypost: 2 notices from")


def test_a_change_of_the_channel_tries_at_once(production: Watch, mail: MailServer) -> None:
    mail.refuse(451)
    production.set_up(smtp=smtp_of(mail))
    about = move(production, "one.example.com", "two.example.com")
    until(lambda: state(production, about) == [("pending", 1, "The mail server answered 451.")], "the first try")
    mail.refuse(None)
    production.set_up(smtp=smtp_of(mail, to=["day@clinic.test"]))
    (sent,) = mail.wait(1)
    assert sent.to == ("day@clinic.test",)


def test_a_channel_that_is_taken_away_gives_up_what_waits(production: Watch, mail: MailServer) -> None:
    mail.refuse(451)
    production.set_up(smtp=smtp_of(mail))
    about = move(production, "one.example.com", "two.example.com")
    until(lambda: state(production, about)[0][1] == 1, "the first try")
    production.set_up()
    assert state(production, about) == [("given up", 1, "The channel was taken away.")]


def test_what_cannot_be_sent_for_three_days_is_given_up_and_forgotten_after_a_month(
    production: Watch, mail: MailServer
) -> None:
    mail.refuse(451)
    production.set_up(smtp=smtp_of(mail))
    about = move(production, "one.example.com", "two.example.com")
    until(lambda: state(production, about)[0][1] == 1, "the first try")
    production.later(3 * 86400 + 60)
    assert state(production, about)[0][0] == "given up"
    production.later(28 * 86400)
    assert production.notices(about=about) == []
    rows = production.house.read(
        lambda tx: tx.exec_driver_sql("SELECT count(*) FROM notice_delivery WHERE state = 'given up'").scalar()
    )
    assert rows == 0


def events(watch: Watch, about: str) -> list[dict[str, Any]]:
    return [each["data"] for each in watch.notices("destination.moved", about)]


def test_a_new_host_in_production_is_told(production: Watch) -> None:
    about = move(production, "one.example.com", "two.example.com", "two.example.com:8443", "TWO.example.com")
    assert events(production, about) == [
        {
            "destination": {"id": about, "name": "Ward 7"},
            "host": "two.example.com",
            "previousHost": "one.example.com",
        }
    ]
    assert all(each["deliveries"] == [] for each in production.notices(about=about))


def test_a_new_host_elsewhere_is_not(house: House, watch: Watch) -> None:
    made = house.destination(endpoint="https://one.example.com/")
    path = f"/platform/v1/destinations/{made['id']}"
    assert house.call("PATCH", path, {"endpoint": "https://two.example.com/"}).status == 200
    assert watch.notices(about=made["id"]) == []


def test_a_new_host_of_a_patch_that_is_refused_is_not(production: Watch) -> None:
    about = move(production, "one.example.com")
    body = {"endpoint": "https://two.example.com/", "name": ""}
    assert production.house.call("PATCH", f"/platform/v1/destinations/{about}", body).status == 400
    assert production.notices(about=about) == []
