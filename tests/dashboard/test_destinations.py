"""The list of destinations and the page of one: states at a glance, who sees what, nothing that is executed."""

import re
from collections.abc import Iterator

import pytest

from tests.dashboard.places import ATTACK, ATTACK_ESCAPED, AZURE, credential, environment, own, shown
from tests.support.house import House
from tests.support.logs import send_many
from tests.support.receiver import Receiver, answer
from tests.support.visitor import Visitor
from tests.support.waiting import until


def test_an_environment_without_destinations_offers_to_set_one_up(house: House) -> None:
    page = Visitor(house).get(environment(house) + "/destinations")
    assert "No destination yet" in page.text
    assert environment(house) + "/destinations/new" in page.links


def test_the_list_says_what_each_is_and_how_it_stands(house: House) -> None:
    with Receiver(answer(503)) as receiver:
        ward = house.destination(name="Ward", endpoint=receiver.url)
        house.destination(name="Lake", cloudProviderSettings=AZURE)
        begun = Visitor(house).post(environment(house) + "/destinations/new", {"name": "Claims", "type": "aws/s3"})
        send_many(house, house.subscription(house.source(), ward), 3)
        until(lambda: "held" in Visitor(house).get(own(ward)).text)
        page = Visitor(house).get(environment(house) + "/destinations")
    assert "Lake Azure Storage, for Databricks waypost / inbox not verified none 0" in page.text
    assert f"Ward HTTPS {receiver.url} not verified held Replace credential of Ward 3" in page.text
    assert "Claims Amazon S3 set-up unfinished Continue with Claims none 0" in page.text
    assert begun.goes_to.removesuffix("/settings") in page.links
    assert "All 3 Held 1 Set-up unfinished 1 Not verified 2" in page.text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=held", set()),
        ("state=unfinished", {"Half"}),
        ("state=unverified", {"North", "South 100%"}),
        ("state=nonsense", {"Half", "North", "South 100%"}),
        ("search=nOrTh", {"North"}),
        ("search=100%25", {"South 100%"}),
        ("search=_", set()),
        ("search=south.example", {"South 100%"}),
        ("state=unverified&search=half", set()),
    ],
)
def test_the_list_is_filtered_by_state_and_by_what_is_searched(three: House, query: str, found: set[str]) -> None:
    page = Visitor(three).get(f"{environment(three)}/destinations?{query}")
    assert set(re.findall(r"<strong>(Half|North|South 100%)</strong>", page.html)) == found


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("three"), deliver=False) as house:
        house.destination(name="North", endpoint="https://north.example.com/in")
        house.destination(name="South 100%", endpoint="https://south.example.com/in")
        house.destination(name="Half", setupState={"step": "settings"})
        yield house


def test_the_list_comes_in_pages_by_name(house: House) -> None:
    names = [f"Ward {number:02d}" for number in range(53)]
    for name in reversed(names):
        house.destination(name=name)
    ann = Visitor(house)
    first = ann.get(environment(house) + "/destinations")
    (following,) = [link for link in first.links if "after=" in link]
    second = ann.get(following)
    assert re.findall(r"<strong>(Ward \d\d)</strong>", first.html + second.html) == names
    assert not [link for link in second.links if "after=" in link]


def test_a_viewer_sees_everything_and_no_form(quiet: House) -> None:
    made = quiet.destination(endpoint="https://ward.example.com/in", verificationToken="a-token")
    page = Visitor(quiet, "viewer").get(own(made))
    assert page.status == 200
    assert "https://ward.example.com/in" in page.text
    assert [form.action for form in page.forms] == ["/dashboard/sign-out"]
    assert not [
        link for link in page.links if link.endswith(("/edit", "/verify", "/delete", "/replace-credential"))
    ]


@pytest.mark.parametrize(
    "rest",
    ["edit", "settings", "verify", "delete", "signing-secret", "setup", "subscribe"],
)
def test_a_viewer_who_goes_to_a_form_is_told_which_role_it_needs(quiet: House, rest: str) -> None:
    made = quiet.destination(endpoint="https://ward.example.com/in")
    for page in (
        Visitor(quiet, "viewer").get(f"{own(made)}/{rest}"),
        Visitor(quiet, "viewer").post(f"{own(made)}/edit"),
    ):
        assert page.status == 403
        assert "This needs the environment role engineer; yours is viewer." in page.text


@pytest.mark.parametrize(
    "rest",
    ["", "/edit", "/settings", "/verify", "/replace-credential", "/delete", "/setup", "/live", "/subscribe"],
)
def test_another_tenants_destination_does_not_exist(quiet: House, rest: str) -> None:
    made = quiet.destination(name="Quite secret", endpoint="https://ward.example.com/in")
    page = Visitor(quiet, "outsider").get(own(made) + rest)
    assert page.status == 404
    assert "Quite secret" not in page.html


def test_what_people_typed_is_shown_and_never_executed(quiet: House) -> None:
    key = credential(quiet, name=ATTACK)
    made = quiet.destination(
        name=ATTACK, endpoint=f"https://ward.example.com/?q={ATTACK}", authCredential=key, verificationToken="t"
    )
    ann = Visitor(quiet)
    places = [environment(quiet) + "/destinations", own(made), f"/dashboard/credentials/{key}"]
    places += [f"{own(made)}/{rest}" for rest in ("edit", "verify", "replace-credential", "delete", "subscribe")]
    places += [f"/dashboard/credentials/{key}/edit", f"/dashboard/credentials/new?destination={made['id']}"]
    for place in places:
        page = ann.get(place)
        assert page.status == 200
        assert ATTACK not in page.html
        assert ATTACK_ESCAPED in page.html


def test_the_page_says_who_shares_its_credential(quiet: House) -> None:
    key = credential(quiet, name="Shared client")
    made = quiet.destination(name="One", endpoint="https://one.example.com", authCredential=key)
    other = quiet.destination(name="Two", endpoint="https://two.example.com", authCredential=key)
    page = Visitor(quiet).get(own(made))
    assert "Shared client" in page.text
    assert "1 other destination uses it too: Two" in page.text
    assert own(other) in page.links


def test_a_destination_is_edited(quiet: House) -> None:
    key = credential(quiet, name="New keys")
    made = quiet.destination(endpoint="https://old.example.com/in", verificationToken="the-old-token")
    ann = Visitor(quiet)
    form = ann.get(own(made) + "/edit").form("/edit")
    assert "the-old-token" not in form.fields.values()
    saved = ann.submit(
        form, name="Renamed", endpoint="https://new.example.com/in", verificationToken="new", authCredential=key
    )
    assert saved.goes_to == own(made)
    assert "Saved." in ann.get(saved.goes_to).text
    now = shown(quiet, made)
    assert (now["name"], now["endpoint"], now["authCredential"]) == ("Renamed", "https://new.example.com/in", key)
    detached = ann.submit(ann.get(own(made) + "/edit").form("/edit"), authCredential="")
    assert detached.status == 303
    assert "authCredential" not in shown(quiet, made)


def test_the_token_is_taken_away_when_that_is_ticked(quiet: House) -> None:
    made = quiet.destination(endpoint="https://ward.example.com/in", verificationToken="the-token")
    ann = Visitor(quiet)
    ann.submit(ann.get(own(made) + "/edit").form("/edit"), clear="verificationToken")
    assert "Verification token none" in ann.get(own(made)).text


def test_what_is_wrong_stands_beside_its_field(quiet: House) -> None:
    made = quiet.destination(endpoint="https://ward.example.com/in")
    ann = Visitor(quiet)
    page = ann.submit(
        ann.get(own(made) + "/edit").form("/edit"), name=" ", endpoint="ftp://x", verificationToken="no blanks"
    )
    assert page.status == 400
    assert "Not saved: 3 things are wrong." in page.text
    for field in ("name", "endpoint", "verificationToken"):
        marked = re.search(rf'<input id="f-{field}"[^>]*>', page.html)
        assert marked is not None
        assert 'aria-invalid="true"' in marked[0]
        assert f"w-{field}" in marked[0]
        assert f'id="w-{field}"' in page.html
    assert page.form("/edit").fields["endpoint"] == "ftp://x"
    assert "no blanks" not in page.html


def test_only_credentials_that_fit_the_kind_are_offered(quiet: House) -> None:
    key = credential(quiet, name="For Azure alone", authStrategy="AzureSharedKey", accountKey="QUJD" * 20)
    https = quiet.destination(endpoint="https://ward.example.com/in")
    azure = quiet.destination(cloudProviderSettings=AZURE)
    ann = Visitor(quiet)
    assert key not in ann.get(own(https) + "/edit").html
    assert key in ann.get(own(azure) + "/edit").html


def test_who_edits_what_another_has_changed_meanwhile_is_told(quiet: House) -> None:
    made = quiet.destination(endpoint="https://ward.example.com/in")
    ann = Visitor(quiet)
    form = ann.get(own(made) + "/edit").form("/edit")
    quiet.call("PATCH", f"/platform/v1/destinations/{made['id']}", {"name": "Quicker"})
    page = ann.submit(form, name="Slower")
    assert page.status == 412
    assert "Somebody has changed this since you opened it." in page.text
    assert shown(quiet, made)["name"] == "Quicker"
