"""Who calls an application: real people with real tokens over real HTTP, and what they make there.

`House` is such, with the application in a thread; `Callers` alone calls a server in another process.

    callers = Callers(household, port)
    made = callers.destination(endpoint=receiver.url)         # in Development, by the engineer
    callers.call("PATCH", f"/platform/v1/destinations/{made['id']}", {"name": "Ward"}, by="viewer")
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.support import keys
from tests.support.serving import Answer, Client
from tests.support.tenants import Tenant
from waypost.access import EnvironmentRole, OrganizationRole
from waypost.clock import Clock
from waypost.tokens import assertion

EVERYWHERE = ("Development", "Staging", "Production")
TOKEN_LIFE_SECONDS = 200


class MovedClock(Clock):
    """The machine's clock, and so many milliseconds."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


@dataclass(frozen=True)
class Person:
    """What somebody is; environments by their names."""

    role: EnvironmentRole | None = None
    environments: tuple[str, ...] = EVERYWHERE
    organization_role: OrganizationRole = OrganizationRole.member
    elsewhere: bool = False


PEOPLE = {
    "engineer": Person(EnvironmentRole.engineer),
    "support": Person(EnvironmentRole.support),
    "viewer": Person(EnvironmentRole.viewer),
    "owner": Person(EnvironmentRole.engineer, organization_role=OrganizationRole.owner),
    "admin without a role": Person(organization_role=OrganizationRole.admin),
    "engineer of Development": Person(EnvironmentRole.engineer, ("Development",)),
    "outsider": Person(EnvironmentRole.engineer, organization_role=OrganizationRole.owner, elsewhere=True),
}


@dataclass
class Household:
    """What the people of a folder are known by; it outlives the application."""

    clinic: Tenant
    elsewhere: Tenant
    clients: dict[str, str] = field(default_factory=dict)

    @classmethod
    def nobody(cls) -> "Household":
        """Of a house that nobody has moved into."""
        return cls(Tenant(0, "", {}), Tenant(0, "", {}))


class Callers:
    """PEOPLE and the Development `source`, in front of whatever listens on the port."""

    def __init__(self, household: Household | None = None, port: int = 0) -> None:
        self.clock = MovedClock()
        self.port = port
        self._made = household
        self._tokens: dict[str, tuple[float, str]] = {}

    @property
    def household(self) -> Household:
        assert self._made is not None
        return self._made

    @property
    def environments(self) -> Mapping[str, str]:
        """Ids of the clinic's environments by their names."""
        return self.household.clinic.environments

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        by: str | None = "engineer",
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Call as one of PEOPLE, as the `source`, as nobody (None), or with that token."""
        bearer = self.token(by) if by is not None and token is None else token
        return Client(self.port)(method, path, body, token=bearer, headers=headers)

    def token(self, who: str, *, fresh: bool = False) -> str:
        """An access token of one of PEOPLE, or of the Development `source`, by the real exchange.

        Taken by the house's clock, so that it holds wherever that was moved.
        """
        taken_at, token = self._tokens.get(who, (0.0, ""))
        now = self.clock.now_ms() / 1000
        if fresh or not token or not 0 <= now - taken_at <= TOKEN_LIFE_SECONDS:
            audience = f"http://127.0.0.1:{self.port}/v2/auth/token"
            times = {"iat": int(now), "exp": int(now) + assertion.LIFE_SECONDS}
            signed = assertion.assertion(keys.ec(who), self.household.clients[who], audience, **times)
            form = urlencode(assertion.form(signed)).encode()
            media_type = {"content-type": "application/x-www-form-urlencoded"}
            answer = Client(self.port)("POST", "/v2/auth/token", form, headers=media_type)
            assert answer.status == 200, answer.body
            token = str(answer.json["access_token"])
            self._tokens[who] = (now, token)
        return token

    def destination(
        self, environment: str = "Development", *, by: str = "engineer", **body: Any
    ) -> dict[str, Any]:
        """A new destination; nothing but a name unless more is said."""
        return self._create(environment, "destination", by, {"name": "Ward"} | body)

    def source(self, environment: str = "Development", *, by: str = "engineer", **body: Any) -> dict[str, Any]:
        """A new source."""
        return self._create(environment, "source", by, {"name": "Feed"} | body)

    def subscription(
        self, source: Mapping[str, Any], destination: Mapping[str, Any], environment: str = "Development"
    ) -> dict[str, Any]:
        """A new subscription to PatientAdmin."""
        ends = {"source": {"id": source["id"]}, "destination": {"id": destination["id"]}}
        return self._create(environment, "subscription", "engineer", ends | {"dataModel": "PatientAdmin"})

    def credential(self, environment: str = "Development", *, by: str = "engineer") -> str:
        """The id of a new auth credential."""
        tenant = self.household.elsewhere if by == "outsider" else self.household.clinic
        body = {
            "organization": tenant.id, "name": "Keys", "environmentId": tenant.environments[environment],
            "grantType": "client_credentials", "url": "https://login.example.com/token",
            "clientId": "a-client", "clientSecret": "a-client-secret",
        }  # fmt: skip
        answer = self.call("POST", "/platform/v1/authcredentials", body, by=by)
        assert answer.status == 201, answer.body
        return str(answer.payload["credential"]["id"])

    def message(self, source: Mapping[str, Any], destination: Mapping[str, Any]) -> str:
        """Send a message to the destination; its log id."""
        meta = {
            "DataModel": "PatientAdmin", "EventType": "NewPatient",
            "Source": {"ID": source["id"]}, "Destinations": [{"ID": destination["id"]}],
        }  # fmt: skip
        answer = self.call("POST", "/endpoint", {"Meta": meta, "Patient": {}}, by="source")
        assert answer.status == 200, answer.body
        return str(answer.json["Meta"]["Logs"][0]["ID"])

    def _create(self, environment: str, noun: str, by: str, body: dict[str, Any]) -> dict[str, Any]:
        tenant = self.household.elsewhere if by == "outsider" else self.household.clinic
        path = f"/platform/v1/environments/{tenant.environments[environment]}/{noun}s"
        answer = self.call("POST", path, body, by=by)
        assert answer.status == 201, answer.body
        made: dict[str, Any] = answer.payload[noun]
        return made


def key_set(name: str) -> dict[str, Any]:
    """The public key of one of PEOPLE, as a key set."""
    return {"keys": [assertion.public_of(keys.ec(name))]}
