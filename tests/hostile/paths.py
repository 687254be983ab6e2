"""Every way by which a URL that somebody wrote makes Waypost call: where it is stored, and where it is dialled.

A new way out is a function here and a line in `STORED` or `DIALLED`; the whole table of URLs then runs over it. On
a path of `STORED` the URL is refused with a fault at its field. One of `DIALLED` is given a client, and says None
when the call succeeded, and otherwise what the operator gets to read.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from tests.support.house import House
from waypost.access import operator
from waypost.clock import Clock
from waypost.credentials.authorization import Authorizer, NotAuthorized
from waypost.credentials.model import Credential
from waypost.credentials.sending import Sender, Under
from waypost.delivery.attempt import Deliverer
from waypost.delivery.item import Opened
from waypost.delivery.model import Failed
from waypost.delivery.target import Target
from waypost.destinations.model import Destination
from waypost.destinations.probing import Prober
from waypost.destinations.secrets import Secrets
from waypost.destinations.verification import Verifier
from waypost.egress.client import Client
from waypost.environments.store import Flag
from waypost.errors import Conflict, Invalid
from waypost.ids import new_id
from waypost.notifications import sending as notices
from waypost.notifications.model import Webhook
from waypost.notifications.notice import Notice, NoticeKind
from waypost.queues.model import Pending
from waypost.sessions.oidc import NotVouched, Provider, Registration
from waypost.tokens.keysets import KeySets

CALLER = operator("test")
BODY = b'{"Meta":{}}'


class Scene:
    """A house with one of each thing that has a URL."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.waypost = house.waypost
        self.environment = house.environments["Development"]
        self.destination = str(house.destination(endpoint="https://ward.example.com")["id"])
        self.unfinished = str(house.destination(setupState={"step": "endpoint"})["id"])
        self.credential = house.credential()
        collection = f"/platform/v1/environments/{self.environment}/apikeys"
        made = house.call("POST", collection, {"name": "Feed", "jwksURL": "https://keys.example.com/set"})
        self.apikey = str(made.payload["apikey"]["id"])

    def credential_body(self, url: str) -> dict[str, Any]:
        return {
            "organization": self.house.household.clinic.id, "name": "Keys", "environmentId": self.environment,
            "grantType": "client_credentials", "url": url, "clientId": "a", "clientSecret": "b",
        }  # fmt: skip


Stored = Callable[[Scene, str], Awaitable[object]]


async def update_destination(scene: Scene, url: str) -> object:
    return await scene.waypost.configuration.destinations.update(CALLER, scene.destination, {"endpoint": url})


async def create_destination(scene: Scene, url: str) -> object:
    return await scene.waypost.configuration.destinations.create(
        CALLER, scene.environment, {"name": "Ward", "endpoint": url}
    )


async def set_up_destination(scene: Scene, url: str) -> object:
    body = {"setupState": {"step": "x"}, "endpoint": url}
    return await scene.waypost.configuration.destinations.put_setup(CALLER, scene.unfinished, body)


async def verify_destination(scene: Scene, url: str) -> object:
    body = {"endpoint": url, "verificationToken": "t0ken"}
    return await scene.waypost.configuration.verifier.verify(CALLER, scene.destination, body)


async def create_credential(scene: Scene, url: str) -> object:
    return await scene.waypost.configuration.credentials.create(CALLER, scene.credential_body(url))


async def update_credential(scene: Scene, url: str) -> object:
    body = {"url": url, "clientSecret": "b"}
    return await scene.waypost.configuration.credentials.update(CALLER, scene.credential, body)


async def create_apikey(scene: Scene, url: str) -> object:
    return await scene.waypost.people.apikeys.create(CALLER, scene.environment, {"name": "Feed", "jwksURL": url})


async def update_apikey(scene: Scene, url: str) -> object:
    return await scene.waypost.people.apikeys.update(CALLER, scene.apikey, {"jwksURL": url})


async def set_webhook(scene: Scene, url: str) -> object:
    return await scene.waypost.configuration.notifications.put(
        CALLER, scene.environment, {"webhook": {"url": url}}
    )


STORED: Mapping[str, tuple[Stored, str]] = {
    "update destination": (update_destination, "/endpoint"),
    "create destination": (create_destination, "/endpoint"),
    "set up destination": (set_up_destination, "/endpoint"),
    "verify destination": (verify_destination, "/endpoint"),
    "create credential": (create_credential, "/url"),
    "update credential": (update_credential, "/url"),
    "create API key": (create_apikey, "/jwksURL"),
    "update API key": (update_apikey, "/jwksURL"),
    "set notification webhook": (set_webhook, "/webhook/url"),
}
"""Each with the field that a fault must point to. A cloud destination names no URL: its host is the operator's."""


Dialled = Callable[[Scene, Client, str], Coroutine[Any, Any, str | None]]


async def deliver(scene: Scene, client: Client, url: str) -> str | None:
    clock = Clock()
    destination = Destination(scene.destination, scene.environment, Flag.development, "Ward", url)
    under = Under(None, {}, timeout_seconds=destination.timeout_seconds, https_only=False, tls=None)
    target = Target(destination, Secrets("t0ken", None), under)
    message = Opened(Pending(1, "log", "message", None, "source", "Feed", 8, 10, b""), BODY)
    deliverer = Deliverer(Sender(client, Authorizer(client, clock)), clock, scene.waypost.ground.settings)
    outcome = await deliverer.attempt(target, message, "attempt")
    return outcome.reason if isinstance(outcome, Failed) else None


async def fetch_token(scene: Scene, client: Client, url: str) -> str | None:
    settings = {"grantType": "client_credentials", "url": url, "clientId": "a"}
    credential = Credential(
        scene.credential, 1, scene.environment, "Keys", "OAuth_2.0_2-legged", settings, frozenset(), 1, 0, 0
    )
    found = await Authorizer(client, Clock()).authorize(credential, {"clientSecret": "b"}, https_only=False)
    return found.reason if isinstance(found, NotAuthorized) else None


async def fetch_keys(scene: Scene, client: Client, url: str) -> str | None:
    found = await KeySets(client, Clock()).key(jwks_url=url, jwk_set=None, kid="a", https_only=False)
    return "no such key" if found is None else None


async def shake_hands(scene: Scene, client: Client, url: str) -> str | None:
    sender = Sender(client, Authorizer(client, Clock()))
    prober = Prober(scene.waypost.ground.db, scene.waypost.ground.vault, sender, scene.waypost.ground.settings)
    verification = Verifier(
        scene.waypost.configuration.destinations, client, prober, application_name="RedoxEngine"
    )
    try:
        await verification.verify(CALLER, scene.destination, {"endpoint": url, "verificationToken": "t0ken"})
    except (Conflict, Invalid) as error:
        return error.detail
    return None


async def notify(scene: Scene, client: Client, url: str) -> str | None:
    notice = Notice(new_id(), scene.environment, "Clinic", Flag.development.value, NoticeKind.tested, 1)
    opened = notices.OpenChannel(Webhook(url, has_secret=False), None)
    return await notices.NoticeSender(client, Clock()).send(opened, [notice])


async def sign_in(scene: Scene, client: Client, url: str) -> str | None:
    us = Registration("waypost")
    provider = Provider(client, Clock(), issuer=url, us=us, home=lambda: "http://127.0.0.1:8080", https_only=False)
    found = await provider.start()
    assert isinstance(found, NotVouched)
    return found.reason if "does not answer" in found.reason else None  # what answers is no provider


DIALLED: Mapping[str, Dialled] = {
    "delivery": deliver,
    "token endpoint": fetch_token,
    "key set": fetch_keys,
    "verification": shake_hands,
    "notification webhook": notify,
    "identity provider": sign_in,
}
