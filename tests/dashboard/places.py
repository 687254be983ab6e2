"""What the tests of destinations and credentials make and look for, beside the pages themselves."""

from collections.abc import Mapping
from typing import Any

from tests.support.house import House
from tests.support.oauth_server import OAuthServer

ATTACK = '<script>alert("waypost")</script>'
ATTACK_ESCAPED = "&lt;script&gt;alert(&#34;waypost&#34;)&lt;/script&gt;"
AZURE = {
    "typeId": "azure",
    "productId": "databricks",
    "settings": {"containerName": "inbox", "storageAccountName": "waypost"},
}


def environment(house: House, name: str = "Development") -> str:
    """Where the pages of an environment are."""
    return f"/dashboard/environments/{house.environments[name]}"


def own(made: Mapping[str, Any]) -> str:
    """Where the pages of a destination are."""
    return f"/dashboard/destinations/{made['id']}"


def credential(house: House, oauth: OAuthServer | None = None, **body: Any) -> str:
    """The id of a new credential; an OAuth client unless the body says otherwise."""
    if "authStrategy" not in body:
        url = oauth.url if oauth else "https://login.example.com/token"
        body = {"grantType": "client_credentials", "url": url, "clientId": "a-client", **body}
        body = {"clientSecret": "a-client-secret", **body}
    known = {"environmentId": house.environments["Development"], "organization": house.household.clinic.id}
    answer = house.call("POST", "/platform/v1/authcredentials", {"name": "Keys", **known, **body})
    assert answer.status == 201, answer.body
    return str(answer.payload["credential"]["id"])


def shown(house: House, made: Mapping[str, Any]) -> Any:
    """A destination as the API shows it now."""
    return house.call("GET", f"/platform/v1/destinations/{made['id']}").payload["destination"]


def settings(house: House, made: Mapping[str, Any]) -> Any:
    """Its further settings."""
    return house.call("GET", f"/waypost/v1/destinations/{made['id']}").payload["destination"]
