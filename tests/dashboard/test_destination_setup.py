"""The wizard: every step is saved as the documented `setupState`, and the next visit goes on where it was left."""

from collections.abc import Iterator

import pytest

from tests.dashboard.places import credential, environment, own, shown
from tests.destinations.conftest import echo
from tests.support.house import House
from tests.support.receiver import Receiver, answer
from tests.support.visitor import Page, Visitor
from waypost.destinations.kinds import CLOUD
from waypost.destinations.kinds.kind import CloudKind


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(echo) as made:
        yield made


def begun(house: House, kind: str, name: str = "Ward") -> dict[str, str]:
    """A destination behind the first step."""
    page = Visitor(house).post(environment(house) + "/destinations/new", {"name": name, "type": kind})
    assert page.status == 303, page.text
    assert page.goes_to.endswith("/setup/settings")
    return {"id": page.goes_to.split("/")[3]}


def resumed(house: House, made: dict[str, str]) -> str:
    """The step that the wizard goes on with."""
    page = Visitor(house).get(own(made) + "/setup")
    assert page.status == 303
    return page.goes_to.rpartition("/")[2]


def cloud(**fields: str) -> dict[str, str]:
    return {f"cloudProviderSettings/settings/{name}": value for name, value in fields.items()}


def test_an_endpoint_is_set_up_from_the_type_to_a_subscription(quiet: House, receiver: Receiver) -> None:
    ann = Visitor(quiet)
    first = ann.get(environment(quiet) + "/destinations/new")
    made = {"id": ann.submit(first.form("/new"), name="Ward").goes_to.split("/")[3]}
    assert shown(quiet, made)["setupState"]["step"] == "settings"
    form = ann.get(own(made) + "/setup/settings").form("/settings")
    page = ann.submit(form, endpoint=receiver.url, verificationToken="a-token", then="on")
    assert page.goes_to == own(made) + "/setup/credential"
    page = ann.submit(ann.get(page.goes_to).form("/credential"), then="on")
    assert page.goes_to == own(made) + "/setup/verify"
    verified = ann.submit(ann.get(page.goes_to).form("/verify"), then="verify")
    assert verified.status == 200
    assert "What came back: 200" in verified.text
    done = ann.submit(verified.form("/verify"), then="finish")
    assert done.goes_to == own(made) + "/subscribe"
    assert shown(quiet, made)["setupState"] is None
    source = quiet.source()
    form = ann.get(done.goes_to).form("/subscribe")
    assert form.fields["source/id"] == source["id"]
    assert ann.submit(form).goes_to == own(made)
    assert "PatientAdmin from Feed" in ann.get(own(made)).text


def test_what_was_saved_is_the_documented_state(quiet: House) -> None:
    made = begun(quiet, "azure/databricks", "Lake")
    here = {"id": quiet.environments["Development"], "environmentFlag": "Development"}
    kind = {"typeId": "azure", "productId": "databricks"}
    assert shown(quiet, made)["setupState"] == {
        "step": "settings",
        "destination": {"name": "Lake", "environment": here, "cloudProviderSettings": kind},
    }


@pytest.mark.parametrize("kind", CLOUD.values(), ids=lambda kind: kind.name)
def test_each_kind_has_the_form_of_its_settings(quiet: House, kind: CloudKind) -> None:
    made = begun(quiet, kind.name)
    ann = Visitor(quiet)
    form = ann.get(own(made) + "/setup/settings").form("/settings")
    offered = {name.rpartition("/")[2] for name in form.fields if name.startswith("cloudProviderSettings")}
    assert offered == kind.settings.model_fields.keys()
    assert ann.post(form.action, cloud(**kind.example) | {"then": "on"}).status == 303
    assert shown(quiet, made)["cloudProviderSettings"] == kind.named(kind.example)
    assert resumed(quiet, made) == "credential"
    asked = ann.get(own(made) + "/setup/credential")
    offers = f"/dashboard/credentials/new?destination={made['id']}&next=setup" in asked.links
    assert offers is kind.takes_credential
    page = ann.get(own(made))
    assert ("Nothing is sent to a cloud store without one" in page.text) is kind.takes_credential
    assert (own(made) + "/replace-credential" in page.links) is kind.takes_credential


def test_settings_that_are_wrong_are_told_beside_their_fields(quiet: House) -> None:
    made = begun(quiet, "azure/databricks")
    page = Visitor(quiet).post(
        own(made) + "/setup/settings", cloud(containerName="NO", storageAccountName="") | {"then": "on"}
    )
    assert page.status == 400
    assert "A container name is 3 to 63 lower-case letters" in page.text
    for field in ("containerName", "storageAccountName"):
        assert f'id="w-cloudProviderSettings/settings/{field}"' in page.html
    assert resumed(quiet, made) == "settings"


def test_half_of_the_settings_are_saved_and_come_back(quiet: House) -> None:
    made = begun(quiet, "aws/s3", "Claims")
    ann = Visitor(quiet)
    left = ann.post(own(made) + "/setup/settings", cloud(bucketName="NOT right yet") | {"then": "leave"})
    assert left.goes_to == own(made)
    marked = ann.get(own(made))
    assert "Its set-up is not finished" in marked.text
    assert own(made) + "/setup" in marked.links
    assert resumed(quiet, made) == "settings"
    form = ann.get(own(made) + "/setup/settings").form("/settings")
    assert form.fields["cloudProviderSettings/settings/bucketName"] == "NOT right yet"


def test_an_endpoint_that_is_left_must_be_right_or_blank(quiet: House) -> None:
    made = begun(quiet, "https")
    ann = Visitor(quiet)
    assert ann.post(own(made) + "/setup/settings", {"endpoint": "", "then": "leave"}).status == 303
    wrong = ann.post(own(made) + "/setup/settings", {"endpoint": "nowhere", "then": "leave"})
    assert wrong.status == 400
    kept = {"endpoint": "https://ward.example.com/in", "then": "leave"}
    assert ann.post(own(made) + "/setup/settings", kept).status == 303
    assert shown(quiet, made)["endpoint"] == "https://ward.example.com/in"


def test_a_new_credential_is_made_on_the_way(quiet: House) -> None:
    made = begun(quiet, "azure/databricks")
    ann = Visitor(quiet)
    fields = cloud(containerName="inbox", storageAccountName="waypost")
    ann.post(own(made) + "/setup/settings", fields | {"then": "on"})
    offered = f"/dashboard/credentials/new?destination={made['id']}&next=setup"
    assert offered in ann.get(own(made) + "/setup/credential").links
    chosen = ann.get(offered)
    assert {link.rpartition("strategy=")[2] for link in chosen.links if "strategy=" in link} == {
        "OAuth_2.0_2-legged", "AzureSharedKey", "AzureSAS",
    }  # fmt: skip
    form = ann.get(f"{offered}&strategy=AzureSharedKey").form("strategy=AzureSharedKey")
    page = ann.submit(form, name="Lake key", accountKey="QUJD" * 20)
    assert page.goes_to == own(made) + "/setup/verify"
    state = shown(quiet, made)["setupState"]
    assert state["step"] == "verify"
    assert state["destination"]["authCredential"] == shown(quiet, made)["authCredential"]


def test_a_credential_that_does_not_fit_is_refused_beside_its_field(quiet: House) -> None:
    made = begun(quiet, "https")
    ann = Visitor(quiet)
    ann.post(own(made) + "/setup/settings", {"endpoint": "https://ward.example.com/in", "then": "on"})
    key = credential(quiet, authStrategy="AzureSharedKey", accountKey="QUJD" * 20)
    page = ann.post(own(made) + "/setup/credential", {"authCredential": key, "then": "on"})
    assert page.status == 400
    assert 'id="w-authCredential"' in page.html


def test_a_verification_that_fails_leaves_the_choice(quiet: House, receiver: Receiver) -> None:
    receiver.behave(answer(500))
    made = begun(quiet, "https")
    ann = Visitor(quiet)
    ann.post(own(made) + "/setup/settings", {"endpoint": receiver.url, "verificationToken": "t0", "then": "on"})
    failed = ann.post(own(made) + "/setup/verify", {"then": "verify"})
    assert failed.status == 409
    assert "The endpoint answered 500, not 2xx." in failed.text
    assert shown(quiet, made)["setupState"] is not None
    assert ann.submit(failed.form("/verify"), then="finish").goes_to == own(made) + "/subscribe"
    assert shown(quiet, made)["setupState"] is None


def test_the_steps_stand_on_those_before_them(quiet: House) -> None:
    made = begun(quiet, "https")
    for step in ("credential", "verify"):
        assert Visitor(quiet).get(f"{own(made)}/setup/{step}").goes_to == own(made) + "/setup/settings"


@pytest.mark.parametrize(
    ("step", "goes_to"), [("somewhere", "credential"), ("verify", "verify"), ("type", "credential")]
)
def test_the_progress_of_another_client_is_read_by_what_is_there(quiet: House, step: str, goes_to: str) -> None:
    made = quiet.destination(endpoint="https://ward.example.com/in", setupState={"step": step})
    assert resumed(quiet, made) == goes_to


def test_what_is_set_up_needs_no_wizard(quiet: House) -> None:
    made = quiet.destination(endpoint="https://ward.example.com/in")
    ann = Visitor(quiet)
    assert ann.get(own(made) + "/setup").goes_to == own(made)
    for page in (
        ann.get(own(made) + "/setup/settings"),
        ann.post(own(made) + "/setup/verify", {"then": "finish"}),
    ):
        assert page.status == 409
        assert "set-up is finished" in page.text


def test_a_name_is_needed(quiet: House) -> None:
    page = Visitor(quiet).post(environment(quiet) + "/destinations/new", {"name": "", "type": "gcp/cloud-storage"})
    assert page.status == 400
    assert page.text.count("String should have at least 1 character") == 2  # at the top, and beside the field
    assert 'value="gcp/cloud-storage" checked' in page.html


@pytest.mark.parametrize("who", ["viewer", "outsider"])
def test_nobody_but_an_engineer_sets_up(quiet: House, who: str) -> None:
    made = begun(quiet, "https")
    status = 403 if who == "viewer" else 404
    walk = Visitor(quiet, who)
    asked: list[Page] = [
        walk.get(environment(quiet) + "/destinations/new"),
        walk.post(environment(quiet) + "/destinations/new", {"name": "x", "type": "https"}),
        walk.get(own(made) + "/setup/settings"),
        walk.post(own(made) + "/setup/settings", {"endpoint": "https://x.example.com"}),
        walk.post(own(made) + "/setup/verify", {"then": "finish"}),
        walk.post(own(made) + "/subscribe", {"dataModel": "PatientAdmin"}),
    ]
    assert {page.status for page in asked} == {status}
    assert shown(quiet, made)["setupState"] is not None


def test_a_second_subscription_of_the_same_is_refused_in_words(quiet: House) -> None:
    made = quiet.destination(endpoint="https://ward.example.com/in")
    source = quiet.source()
    quiet.subscription(source, made)
    page = Visitor(quiet).post(own(made) + "/subscribe", {"source/id": source["id"], "dataModel": "PatientAdmin"})
    assert page.status == 409
    assert "There is a subscription of this data model" in page.text
    wrong = Visitor(quiet).post(own(made) + "/subscribe", {"source/id": source["id"], "dataModel": "!"})
    assert wrong.status == 400
    assert 'id="w-dataModel"' in wrong.html
