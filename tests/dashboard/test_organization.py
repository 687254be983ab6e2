"""Pages of members, notifications, egress lists and the audit trail."""

import re
from pathlib import Path

from tests.support.house import House
from tests.support.visitor import Visitor


def here(house: House, noun: str) -> str:
    return f"/dashboard/environments/{house.environments['Development']}/{noun}"


def of_clinic(house: House, noun: str) -> str:
    return f"/dashboard/organizations/{house.household.clinic.id}/{noun}"


def one_of(house: House, who: str) -> str:
    """The page of that person."""
    page = Visitor(house, "owner").get(of_clinic(house, "members"))
    number = {
        member["user"]["lowercaseEmail"]: member["user"]["id"]
        for member in house.call(
            "GET", f"/platform/v1/organizations/{house.household.clinic.id}/role-assignment", by="owner"
        ).payload["memberships"]
    }
    address = next(email for email in number if email.startswith(who.replace(" ", ".").lower()))
    found = of_clinic(house, f"members/{number[address]}")
    assert found in page.links
    return found


def test_an_owner_gives_and_takes_roles(house: House) -> None:
    owner, url = Visitor(house, "owner"), one_of(house, "viewer")
    role = f"role/{house.environments['Development']}"
    form = owner.get(url).form(url)
    assert form.fields[role] == "viewer"
    done = owner.post(url, form.fields | {role: "engineer", "organizationRole": "admin"})
    assert "roles saved" in owner.get(done.goes_to).text
    assert Visitor(house, "viewer").get(here(house, "sources/new")).status == 200
    assert Visitor(house, "viewer").get(of_clinic(house, "audit")).status == 200
    owner.post(url, form.fields | {role: "", "organizationRole": "member"})
    assert Visitor(house, "viewer").get(here(house, "sources")).status == 404


def test_an_admin_gives_roles_in_environments_but_not_in_the_organization(lively: House) -> None:
    admin, url = Visitor(lively, "admin without a role"), one_of(lively, "viewer")
    page = admin.get(url)
    assert "organizationRole" not in page.form(url).fields
    assert not [form for form in page.forms if form.action.endswith("/remove")]
    assert admin.post(url, {"organizationRole": "owner"}).status == 403
    assert admin.post(f"{url}/remove").status == 403


def test_the_last_owner_stays(lively: House) -> None:
    owner, url = Visitor(lively, "owner"), one_of(lively, "owner")
    page = owner.post(f"{url}/remove")
    assert page.status == 409
    assert "An organization keeps at least one owner" in page.text


def test_a_member_is_removed(house: House) -> None:
    owner, url = Visitor(house, "owner"), one_of(house, "support")
    assert "no longer a member" in owner.get(owner.submit(owner.get(url).form("/remove")).goes_to).text
    assert owner.get(url).status == 404


def test_an_admin_hands_out_a_link_that_sets_a_password(lively: House) -> None:
    admin, url = Visitor(lively, "admin without a role"), one_of(lively, "viewer")
    page = admin.submit(admin.get(url).form("/invite"))
    found = re.search(r"/dashboard/invitations/[\w-]+", page.text)
    assert found
    assert page.headers["cache-control"] == "no-store"
    invited = Visitor(lively, None).get(found.group())
    assert invited.status == 200
    assert "viewer" in invited.text.lower()
    assert found.group() not in admin.get(url).html


def test_an_admin_makes_no_link_for_an_owner(lively: House) -> None:
    assert Visitor(lively, "admin without a role").post(f"{one_of(lively, 'owner')}/invite").status == 403


def test_members_are_for_owners_and_admins(quiet: House) -> None:
    assert Visitor(quiet, "engineer").get(of_clinic(quiet, "members")).status == 403
    assert Visitor(quiet, "outsider").get(of_clinic(quiet, "members")).status == 404
    assert Visitor(quiet, "outsider").get("/dashboard/organizations/nonsense/members").status == 404


def test_notifications_are_set_and_secrets_stay(house: House) -> None:
    ann, url = Visitor(house), here(house, "notifications")
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    given = {"heldAfterSeconds": "60", "byWebhook": "on", "webhook/url": "http://127.0.0.1:9/told"}
    done = ann.submit(ann.get(url).form(url), **given, webhook__secret=secret)
    assert "Saved." in ann.get(done.goes_to).text
    page = ann.get(url)
    assert secret not in page.html
    assert "kept unless you type a new one" in page.text
    ann.submit(page.form(url), heldAfterSeconds="90")
    kept = house.call("GET", f"/waypost/v1{url.removeprefix('/dashboard')}").payload["notifications"]
    assert kept["heldAfterSeconds"] == 90
    assert kept["webhook"] == {"url": "http://127.0.0.1:9/told", "hasSecret": True}
    form = ann.get(url).form(url)
    form.fields.pop("byWebhook")
    ann.submit(form)
    kept = house.call("GET", f"/waypost/v1{url.removeprefix('/dashboard')}").payload["notifications"]
    assert kept["webhook"] is None


def test_what_is_wrong_with_notifications_stands_beside_the_field(quiet: House) -> None:
    ann, url = Visitor(quiet), here(quiet, "notifications")
    wrong = {"byMail": "on", "smtp/host": "mail.example.org", "smtp/port": "many", "smtp/from": "nobody"}
    page = ann.submit(ann.get(url).form(url), **wrong)
    assert page.status == 400
    assert "This is one mail address" in page.text
    assert page.form(url).fields["smtp/port"] == "many"


def test_a_test_says_for_each_channel_what_came_of_it(house: House) -> None:
    ann, url = Visitor(house), here(house, "notifications")
    assert "Neither a webhook nor a mail server is set up here." in ann.get(ann.post(f"{url}/test").goes_to).text
    ann.submit(ann.get(url).form(url), byWebhook="on", webhook__url="http://127.0.0.1:9/told")
    page = ann.get(ann.submit(ann.get(url).form("/test")).goes_to)
    assert "Test by webhook: " in page.text
    assert "webhook: sent" not in page.text


def test_an_owner_sets_the_egress_list_and_others_read_it(house: House) -> None:
    owner, url = Visitor(house, "owner"), here(house, "egress")
    done = owner.submit(owner.get(url).form(url), hosts="ehr.example.org\n*.lab.example.org", ports="443, 8443")
    assert "only what is listed is called" in owner.get(done.goes_to).text
    seen = Visitor(house, "viewer").get(url)
    assert "ehr.example.org, *.lab.example.org" in seen.text
    assert "443, 8443" in seen.text
    assert Visitor(house, "engineer").post(url, {"hosts": ""}).status == 403


def test_whoever_directs_the_organization_reads_the_egress_list_without_a_role_in_the_environment(
    house: House,
) -> None:
    url = here(house, "egress")
    body = {"hosts": ["ehr.example.org"], "cidrs": [], "ports": []}
    house.call("PUT", f"/waypost/v1{url.removeprefix('/dashboard')}", body, by="owner")
    page = Visitor(house, "admin without a role").get(url)
    assert "Development" in page.text
    assert "ehr.example.org" in page.text


def test_a_wrong_egress_list_is_refused_beside_its_field(quiet: House) -> None:
    page = Visitor(quiet, "owner").post(
        here(quiet, "egress"), {"hosts": "10.0.0.1", "cidrs": "169.254.0.0/16", "ports": "0"}
    )
    assert page.status == 400
    assert "This is an address; put it among the cidrs" in page.text


def test_the_audit_trail_shows_who_did_what(lively: House) -> None:
    source = lively.source()
    Visitor(lively).post(f"/dashboard/sources/{source['id']}", {"name": "Ward 9", "timeZone": ""})
    Visitor(lively, "viewer").post(f"/dashboard/sources/{source['id']}", {"name": "no"})
    owner = Visitor(lively, "owner")
    page = owner.get(of_clinic(lively, "audit") + "?type=source-updated")
    assert f"POST /dashboard/sources/{source['id']}" in page.text
    assert "Ward 9" in page.text
    assert "source-created" not in page.text
    refused = owner.get(of_clinic(lively, "audit") + "?status=refused")
    assert "refused" in refused.text
    assert f"/dashboard/sources/{source['id']}" in refused.text


def test_a_search_of_the_trail_that_cannot_be_made_says_why(quiet: House) -> None:
    page = Visitor(quiet, "owner").get(of_clinic(quiet, "audit") + "?from=yesterday&user=x")
    assert page.status == 400
    assert "Write a date, or date and time in UTC" in page.text


def test_a_long_trail_has_pages(lively: House) -> None:
    for number in range(60):
        lively.call("PATCH", f"/platform/v1/sources/{_first(lively)}", {"name": f"Ward {number}"})
    owner = Visitor(lively, "owner")
    page = owner.get(of_clinic(lively, "audit"))
    following = [link for link in page.links if "page=2" in link]
    assert following
    assert owner.get(following[0]).status == 200


def test_the_trail_is_for_owners_and_admins(quiet: House) -> None:
    assert Visitor(quiet, "engineer").get(of_clinic(quiet, "audit")).status == 403


def _first(house: House) -> str:
    listed = house.call("GET", f"/platform/v1/environments/{house.environments['Development']}/sources")
    found = listed.payload["sources"]
    return str(found[0]["id"]) if found else str(house.source()["id"])


def test_what_was_told_is_listed_in_words(tmp_path: Path) -> None:
    with House(tmp_path, deliver=False) as house:
        url = f"/dashboard/environments/{house.environments['Production']}/notifications"
        ann = Visitor(house)
        ann.submit(ann.get(url).form(url), byWebhook="on", webhook__url="https://told.example.org/")
        made = house.destination("Production", endpoint="https://old.example.org/", name="Registry <b>")
        house.call("PATCH", f"/platform/v1/destinations/{made['id']}", {"endpoint": "https://new.example.org/"})
        page = ann.get(url)
    assert "has moved from old.example.org to new.example.org" in page.text
    assert "Registry <b>" in page.text
    assert "<b>" not in page.html
