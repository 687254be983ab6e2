"""What is done to a destination: its connection, verification, signing secret, sample data, its end."""

import re

import pytest

from tests.dashboard.places import ATTACK, AZURE, environment, own, settings
from tests.destinations.conftest import echo
from tests.support.house import House
from tests.support.logs import send_many
from tests.support.receiver import Receiver, Reply, Request, answer, hang_up
from tests.support.visitor import Visitor

TOKEN = "a-token-that-nobody-may-see"


def test_the_connection_is_changed(quiet: House) -> None:
    made = quiet.destination(endpoint="https://ward.example.com/in")
    ann = Visitor(quiet)
    form = ann.get(own(made) + "/settings").form("/settings")
    del form.fields["sendTokenAsBearer"]
    assert ann.submit(form, timeoutSeconds="45", successStatus="200").goes_to == own(made)
    now = settings(quiet, made)
    assert (now["timeoutSeconds"], now["successStatus"], now["sendTokenAsBearer"]) == (45, "200", False)


def test_a_wrong_certificate_and_time_limit_are_told_beside_their_fields(quiet: House) -> None:
    made = quiet.destination(endpoint="https://ward.example.com/in")
    ann = Visitor(quiet)
    form = ann.get(own(made) + "/settings").form("/settings")
    page = ann.submit(form, timeoutSeconds="500", tls__caCertificate="nonsense", tls__clientKey="a key")
    assert page.status == 400
    for field in ("timeoutSeconds", "tls/caCertificate", "tls/clientCertificate"):
        assert f'id="w-{field}"' in page.html
    assert "a key" not in page.html


def test_a_cloud_destination_has_no_settings_of_an_endpoint(quiet: House) -> None:
    made = quiet.destination(cloudProviderSettings=AZURE)
    form = Visitor(quiet).get(own(made) + "/settings").form("/settings")
    assert "successStatus" not in form.fields


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_the_exchange_of_a_verification_is_shown_without_the_token(
    quiet: House, receiver: Receiver, method: str
) -> None:
    receiver.behave(echo)
    made = quiet.destination(endpoint=receiver.url + "in", verificationToken=TOKEN)
    ann = Visitor(quiet)
    page = ann.submit(ann.get(own(made) + "/verify").form("/verify"), verificationMethod=method)
    assert page.status == 200
    (sent,) = receiver.requests
    challenge = sent.json["challenge"] if method == "POST" else sent.target.rpartition("challenge=")[2]
    told, said = re.findall(r"<pre[^>]*>(.*?)</pre>", page.html, re.S)
    assert told.startswith(f"{method} {receiver.url}in")
    assert "[token]" in told
    assert challenge in told
    assert challenge in said
    assert "Verified" in page.text
    assert TOKEN not in page.html


def test_what_a_refusing_endpoint_says_is_shown_escaped_and_cut(quiet: House, receiver: Receiver) -> None:
    def refuse(request: Request) -> Reply:
        return answer(401, f"{ATTACK}{TOKEN}{'é' * 2000}".encode())

    receiver.behave(refuse)
    made = quiet.destination(endpoint=receiver.url, verificationToken=TOKEN)
    page = Visitor(quiet).post(own(made) + "/verify", {"verificationMethod": "POST"})
    assert page.status == 409
    assert "The endpoint answered 401, not 2xx." in page.text
    said = re.findall(r"<pre[^>]*>(.*?)</pre>", page.html, re.S)[1]
    assert "&lt;script&gt;" in said
    assert "[token]" in said
    assert len(said) < 600
    assert ATTACK not in page.html
    assert TOKEN not in page.html


def test_why_there_was_no_answer_is_said_in_words(quiet: House, receiver: Receiver) -> None:
    receiver.behave(hang_up())
    made = quiet.destination(endpoint=receiver.url, verificationToken=TOKEN)
    page = Visitor(quiet).post(own(made) + "/verify", {})
    assert page.status == 409
    assert "The endpoint was not verified:" in page.text
    assert "What came back" not in page.text


def test_an_endpoint_that_has_the_token_in_it_is_not_shown_in_the_exchange(
    quiet: House, receiver: Receiver
) -> None:
    receiver.behave(answer(401))
    made = quiet.destination(endpoint=f"{receiver.url}?key={TOKEN}", verificationToken=TOKEN)
    page = Visitor(quiet).post(own(made) + "/verify", {})
    assert "(the endpoint, which has the token in it)" in re.findall(r"<pre[^>]*>(.*?)</pre>", page.html, re.S)[0]


def test_a_destination_without_a_token_cannot_be_verified(quiet: House) -> None:
    made = quiet.destination(endpoint="https://ward.example.com/in")
    page = Visitor(quiet).post(own(made) + "/verify", {})
    assert page.status == 400
    assert "The destination has no verification token yet" in page.text


def test_a_new_signing_secret_is_shown_once(quiet: House) -> None:
    made = quiet.destination(endpoint="https://ward.example.com/in")
    ann = Visitor(quiet)
    page = ann.submit(ann.get(own(made) + "/signing-secret").form("/signing-secret"))
    found = re.search(r"whsec_[A-Za-z0-9+/=]+", page.text)
    assert found is not None
    assert page.headers["cache-control"] == "no-store"
    for place in (own(made), own(made) + "/signing-secret"):
        assert "whsec_" not in ann.get(place).html
    assert found[0] not in str(quiet.events(made["id"]))


def test_a_sample_data_set_is_sent(lively: House, receiver: Receiver) -> None:
    made = lively.destination(endpoint=receiver.url)
    ann = Visitor(lively)
    page = ann.submit(ann.get(own(made)).form("/sample"))
    assert page.goes_to == own(made)
    receiver.wait(1)
    assert "PatientAdmin from Waypost test source" in ann.get(own(made)).text


def test_a_destination_is_deleted(quiet: House) -> None:
    made = quiet.destination(name="Short-lived", endpoint="https://ward.example.com/in")
    ann = Visitor(quiet)
    asked = ann.get(own(made) + "/delete").form("/delete")
    assert "reason" not in asked.fields
    page = ann.submit(asked)
    assert page.goes_to == environment(quiet) + "/destinations"
    assert "The destination Short-lived is deleted." in ann.get(page.goes_to).text
    assert ann.get(own(made)).status == 404


def test_pending_messages_need_a_reason(quiet: House) -> None:
    made = quiet.destination(endpoint="https://ward.example.com/in")
    send_many(quiet, quiet.subscription(quiet.source(), made), 3)
    ann = Visitor(quiet)
    asked = ann.get(own(made) + "/delete")
    assert "3 messages are pending." in asked.text
    refused = ann.submit(asked.form("/delete"))
    assert refused.status == 409
    assert "give a reason to end them as skipped" in refused.text
    ended = ann.submit(refused.form("/delete"), reason="The ward has closed")
    assert "3 pending messages ended as skipped." in ann.get(ended.goes_to).text
    (event,) = [each for each in quiet.events(made["id"]) if each["type"] == "destination-deleted"]
    assert event["details"]["reason"] == "The ward has closed"


def test_in_production_only_an_owner_deletes(quiet: House) -> None:
    made = quiet.destination("Production", endpoint="https://ward.example.com/in")
    ann = Visitor(quiet)
    assert own(made) + "/delete" not in ann.get(own(made)).links
    for page in (ann.get(own(made) + "/delete"), ann.post(own(made) + "/delete")):
        assert page.status == 403
        assert "This needs the organization role owner; yours is member." in page.text
    owner = Visitor(quiet, "owner")
    assert own(made) + "/delete" in owner.get(own(made)).links
    assert owner.submit(owner.get(own(made) + "/delete").form("/delete")).status == 303
