"""What every page of the dashboard has: who is signed in, what they may, headers, errors, files."""

import re

import pytest

from tests.support.house import House
from tests.support.visitor import Visitor
from waypost.access import EnvironmentRole, OrganizationRole
from waypost.dashboard.pages import PAGES
from waypost.dashboard.security import CONTENT_SECURITY_POLICY
from waypost.dashboard.visits.routes import Page
from waypost.db.database import Tx
from waypost.errors import Unavailable
from waypost.users import memberships
from waypost.users import store as users

SOMEWHERE = "/dashboard/no-such-page"


def test_the_root_leads_to_the_dashboard(quiet: House) -> None:
    page = Visitor(quiet, None).get("/")
    assert (page.status, page.goes_to) == (303, "/dashboard")


def test_the_dashboard_leads_to_an_environment_where_one_has_a_role(quiet: House) -> None:
    page = Visitor(quiet, "engineer of Development").get("/dashboard")
    assert (page.status, page.goes_to) == (303, Visitor(quiet).home)


def test_who_comes_for_the_first_time_is_led_to_the_oldest_environment(quiet: House) -> None:
    assert Visitor(quiet).get("/dashboard").goes_to == Visitor(quiet).home


def test_a_member_of_several_organizations_chooses_once(house: House) -> None:
    clinic, elsewhere = house.household.clinic, house.household.elsewhere
    ann = Visitor(house)

    def join(tx: Tx) -> None:
        user = users.find(tx, "engineer@clinic.test")
        assert user is not None
        memberships.join(tx, elsewhere.id, user.id, OrganizationRole.member)
        memberships.assign(tx, elsewhere.development, user.id, EnvironmentRole.viewer)

    house.write(join)
    page = ann.get("/dashboard")
    assert (page.status, "Choose an environment" in page.text) == (200, True)
    mine = (*clinic.environments.values(), elsewhere.development)
    offered = {f"/dashboard/environments/{each}" for each in mine}
    assert {link for link in page.links if "/environments/" in link} == offered
    ann.get(f"/dashboard/environments/{elsewhere.development}")
    assert ann.get("/dashboard").goes_to == f"/dashboard/environments/{elsewhere.development}"


def test_who_has_no_role_in_any_environment_is_told_where_to_get_one(quiet: House) -> None:
    page = Visitor(quiet, "admin without a role").get("/dashboard")
    assert page.status == 200
    assert "You have no role in any environment." in page.text
    assert f"/dashboard/organizations/{quiet.household.clinic.id}/members" in page.links


@pytest.mark.parametrize("page", [page for page in PAGES if not page.is_open], ids=lambda page: page.path)
def test_nobody_sees_a_page_without_signing_in(quiet: House, page: Page) -> None:
    path = "/dashboard" + re.sub(r"\{[^}]*\}", "1", page.path)
    answer = Visitor(quiet, None).request(page.method, path)
    assert answer.status == 303
    assert answer.goes_to.startswith("/dashboard/sign-in")
    assert answer.html == ""


def test_errors_are_pages(quiet: House) -> None:
    page = Visitor(quiet).get(SOMEWHERE)
    assert page.status == 404
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Not found" in page.text
    assert page.headers["x-request-id"] in page.text


@pytest.mark.parametrize("path", ["/dashboard", SOMEWHERE, "/dashboard/static/x/app.css"])
def test_every_answer_has_the_headers(quiet: House, path: str) -> None:
    headers = Visitor(quiet).get(path).headers
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert "strict-transport-security" not in headers


def test_files_are_kept_for_ever_under_the_digest_of_what_is_in_them(quiet: House) -> None:
    ann = Visitor(quiet, "admin without a role")
    files = re.findall(r'(?:href|src)="(/dashboard/static/[^"]+)"', ann.get("/dashboard").html)
    assert len(files) == 5
    for path in files:
        found = ann.get(path)
        assert found.status == 200
        assert found.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("path", ["../app.py", "..%2f..%2fapp.py", "/etc/passwd", "app.js", ""])
def test_no_path_leads_out_of_the_folder_of_files(quiet: House, path: str) -> None:
    assert Visitor(quiet).get(f"/dashboard/static/0123456789abcdef/{path}").status == 404


def test_a_store_that_is_away_is_said_to_be(quiet: House) -> None:
    ann = Visitor(quiet)

    async def away(cookie: str, ip: str, **_: object) -> None:
        raise Unavailable("The store cannot be reached.")

    quiet.waypost.faces.resume = away
    page = ann.get(ann.home)
    assert (page.status, page.headers["retry-after"]) == (503, "5")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "The store cannot be reached." in page.text


def test_a_fault_of_ours_says_nothing_but_the_request_id(quiet: House) -> None:
    ann = Visitor(quiet)

    async def broken(cookie: str, ip: str, **_: object) -> None:
        raise RuntimeError("a-secret-value")

    quiet.waypost.faces.resume = broken
    page = ann.get(ann.home)
    assert page.status == 500
    assert page.headers["x-request-id"] in page.text
    assert "a-secret-value" not in page.html
    assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


def test_what_htmx_asks_for_in_vain_is_said_in_a_part_of_a_page(quiet: House) -> None:
    page = Visitor(quiet).get("/dashboard/logs/none", headers={"hx-request": "true"})
    assert page.status == 404
    assert "There is no such log" in page.text
    assert "<html" not in page.html


def test_another_tenants_environment_does_not_exist(quiet: House) -> None:
    assert Visitor(quiet, "outsider").get(Visitor(quiet).home).status == 404


def test_the_navigation_offers_what_the_role_may_use(quiet: House) -> None:
    audit = f"/dashboard/organizations/{quiet.household.clinic.id}/audit"
    assert audit in Visitor(quiet, "owner").get(Visitor(quiet).home).links
    assert audit not in Visitor(quiet, "viewer").get(Visitor(quiet).home).links


def test_the_environments_to_choose_from_are_those_where_one_has_a_role(quiet: House) -> None:
    page = Visitor(quiet, "engineer of Development").get(Visitor(quiet).home)
    others = {f"/dashboard/environments/{each}" for each in quiet.environments.values()} - {Visitor(quiet).home}
    assert not others & set(page.links)
    assert others <= set(Visitor(quiet, "viewer").get(Visitor(quiet).home).links)


def test_the_dashboard_leads_to_the_environment_seen_last(quiet: House) -> None:
    ann = Visitor(quiet)
    staging = f"/dashboard/environments/{quiet.environments['Staging']}"
    ann.get(staging)
    assert ann.get("/dashboard").goes_to == staging
