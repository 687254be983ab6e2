"""Credentials: listed, made, changed and deleted by forms that are drawn from the strategies."""

import re

import pytest

from tests.dashboard.places import credential, environment, own, shown
from tests.support.house import House
from tests.support.visitor import Visitor


def page_of(credential_id: str, rest: str = "") -> str:
    return f"/dashboard/credentials/{credential_id}{rest}"


def test_an_environment_without_credentials_offers_to_make_one(house: House) -> None:
    page = Visitor(house).get(environment(house) + "/credentials")
    assert "No credential yet" in page.text
    assert f"/dashboard/credentials/new?environment={house.environments['Development']}" in page.links
    assert not Visitor(house, "viewer").get(environment(house) + "/credentials").text.count("Make the first one")


def test_the_list_says_how_many_destinations_use_each(house: House) -> None:
    used, idle = credential(house, name="Used"), credential(house, name="Idle")
    for number in range(2):
        house.destination(endpoint=f"https://{number}.example.com", authCredential=used)
    ann = Visitor(house)
    page = ann.get(environment(house) + "/credentials")
    assert "Used OAuth_2.0_2-legged 2 destinations" in page.text
    assert "Idle OAuth_2.0_2-legged no destination" in page.text
    found = ann.get(environment(house) + "/credentials?search=idl")
    assert page_of(idle) in found.links
    assert page_of(used) not in found.links


def test_a_credential_is_made_by_the_form_of_its_strategy(quiet: House) -> None:
    ann = Visitor(quiet)
    start = ann.get(f"/dashboard/credentials/new?environment={quiet.environments['Development']}")
    (chosen,) = [link for link in start.links if link.endswith("strategy=Header")]
    form = ann.get(chosen).form("strategy=Header")
    made = ann.submit(form, name="Header key", headerName="x-api-key", headerValue="the-secret-value")
    assert made.status == 303
    page = ann.get(made.goes_to)
    assert "Header key" in page.text
    assert "x-api-key" in page.text
    assert "Header value stored, not shown" in page.text
    assert "the-secret-value" not in page.html


def test_what_is_wrong_with_a_new_one_stands_beside_its_field(quiet: House) -> None:
    ann = Visitor(quiet)
    new = f"/dashboard/credentials/new?environment={quiet.environments['Development']}&strategy=OAuth_2.0_2-legged"
    form = ann.get(new).form("2-legged")
    page = ann.submit(form, name="", url="http://[", clientSecret=" pasted ", customFieldName="a")
    assert page.status == 400
    for field in ("name", "url", "clientSecret"):
        assert f'id="w-{field}"' in page.html
    assert "pasted" not in page.html
    assert '<details class="more" open>' in page.html  # something is typed in there
    assert page.form("2-legged").fields["customFieldName"] == "a"


def test_the_long_tail_is_behind_a_fold(quiet: House) -> None:
    new = f"/dashboard/credentials/new?environment={quiet.environments['Development']}&strategy=OAuth_2.0_2-legged"
    before, _, behind = Visitor(quiet).get(new).html.partition('<details class="more">')
    for field in ("grantType", "url", "clientId", "clientSecret", "scopes"):
        assert f'id="f-{field}"' in before
    for field in ("clientIdName", "refreshTokenName", "customFieldName", "noBasic", "password"):
        assert f'id="f-{field}"' in behind


def test_a_secret_is_kept_unless_a_new_one_is_typed(quiet: House) -> None:
    made = credential(quiet, name="Client", scopes="read", clientSecret="the-old-secret")
    ann = Visitor(quiet)
    page = ann.get(page_of(made, "/edit"))
    assert "the-old-secret" not in page.html
    assert "Client secret kept unless you type a new one" in page.text
    versions = [quiet.call("GET", f"/platform/v1/authcredentials/{made}").headers["etag"]]
    for changed in ({"name": "Renamed"}, {"scopes": ""}, {"clientSecret": "a-new-secret"}):
        form = ann.get(page_of(made, "/edit")).form("/edit")
        assert ann.submit(form, **changed).goes_to == page_of(made)
        versions.append(quiet.call("GET", f"/platform/v1/authcredentials/{made}").headers["etag"])
    assert len(set(versions)) == 4
    now = quiet.call("GET", f"/platform/v1/authcredentials/{made}").payload["credential"]
    assert (now["name"], now["hasClientSecret"], now.get("scopes")) == ("Renamed", True, None)


def test_saving_what_is_there_changes_nothing(quiet: House) -> None:
    made = credential(quiet, noBasic=True, defaultExpirationSeconds=60)
    ann = Visitor(quiet)
    assert ann.submit(ann.get(page_of(made, "/edit")).form("/edit")).status == 303
    assert quiet.call("GET", f"/platform/v1/authcredentials/{made}").headers["etag"] == '"1"'


def test_another_host_needs_every_secret_again(quiet: House) -> None:
    made = credential(quiet)
    ann = Visitor(quiet)
    page = ann.submit(ann.get(page_of(made, "/edit")).form("/edit"), url="https://elsewhere.example.com/token")
    assert page.status == 400
    assert "The address changes: send this secret again." in page.text
    assert 'id="w-clientSecret"' in page.html


def test_a_keyed_one_shows_where_its_public_key_is(quiet: House) -> None:
    body = {"authStrategy": "SMART_Backend", "grantType": "client_credentials", "clientId": "app"}
    made = credential(quiet, None, url="https://x.example.com/token", **body)
    ann = Visitor(quiet)
    page = ann.get(page_of(made))
    address = f"/waypost/v1/credentials/{made}/jwks.json"
    assert f"http://127.0.0.1:{quiet.port}{address}" in page.text
    (key,) = quiet.call("GET", address, by=None).json["keys"]
    assert key["kid"] in page.text
    assert "PRIVATE" not in page.html
    ann.submit(ann.get(page_of(made, "/edit")).form("/edit"), clear="privateKey")
    (replaced,) = quiet.call("GET", address, by=None).json["keys"]
    assert replaced["kid"] != key["kid"]


def test_one_in_use_is_not_deleted_and_its_users_are_named(quiet: House) -> None:
    made = credential(quiet, name="Needed")
    user = quiet.destination(name="The user", endpoint="https://x.example.com", authCredential=made)
    ann = Visitor(quiet)
    refused = ann.submit(ann.get(page_of(made)).form("/delete"))
    assert refused.status == 409
    assert "the destinations below use it" in refused.text
    assert own(user) in refused.links
    quiet.call("PATCH", f"/platform/v1/destinations/{user['id']}", {"authCredential": None})
    gone = ann.submit(ann.get(page_of(made)).form("/delete"))
    assert gone.goes_to == environment(quiet) + "/credentials"
    assert ann.get(page_of(made)).status == 404


def test_one_for_a_destination_is_attached_to_it(quiet: House) -> None:
    made = quiet.destination(endpoint="https://x.example.com")
    ann = Visitor(quiet)
    form = ann.get(f"/dashboard/credentials/new?destination={made['id']}&strategy=Basic").form("strategy=Basic")
    page = ann.submit(form, name="Basic", username="a", password="b")
    assert page.goes_to.startswith(own(made) + "/replace-credential?")
    assert shown(quiet, made)["authCredential"] in ann.get(own(made)).html


def test_a_viewer_sees_one_and_changes_nothing(quiet: House) -> None:
    made = credential(quiet, name="Visible")
    viewer = Visitor(quiet, "viewer")
    page = viewer.get(page_of(made))
    assert "Visible" in page.text
    assert [form.action for form in page.forms] == ["/dashboard/sign-out"]
    new = f"/dashboard/credentials/new?environment={quiet.environments['Development']}"
    for refused in (
        viewer.get(page_of(made, "/edit")),
        viewer.post(page_of(made, "/edit"), {"name": "Mine"}),
        viewer.post(page_of(made, "/delete")),
        viewer.get(new),
        viewer.post(f"{new}&strategy=Basic", {"name": "x", "username": "a", "password": "b"}),
    ):
        assert refused.status == 403
        assert "This needs the environment role engineer; yours is viewer." in refused.text


@pytest.mark.parametrize("rest", ["", "/edit"])
def test_another_tenants_credential_does_not_exist(quiet: House, rest: str) -> None:
    page = Visitor(quiet, "outsider").get(page_of(credential(quiet, name="Hidden"), rest))
    assert page.status == 404
    assert "Hidden" not in page.html
    assert Visitor(quiet, "outsider").get(environment(quiet) + "/credentials").status == 404


def test_a_strategy_that_does_not_fit_a_destination_is_not_made_for_it(quiet: House) -> None:
    made = quiet.destination(endpoint="https://x.example.com")
    page = Visitor(quiet).post(
        f"/dashboard/credentials/new?destination={made['id']}&strategy=AzureSharedKey", {"name": "x"}
    )
    assert page.status == 404


def test_no_field_has_a_hint_that_points_nowhere(quiet: House) -> None:
    for name in ("OAuth_2.0_2-legged", "GoogleWIF", "GoogleServiceAccount"):
        new = f"/dashboard/credentials/new?environment={quiet.environments['Development']}&strategy={name}"
        html = Visitor(quiet).get(new).html
        for ids in re.findall(r'aria-describedby="([^"]+)"', html):
            assert all(f'id="{each}"' in html for each in ids.split())
