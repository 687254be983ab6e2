"""What a destination is, and which values its fields may take. Pure.

Fields and sentences are the vendor's page for Update destination; what it leaves open is listed in
`docs/compatibility.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from waypost.clock import iso
from waypost.destinations.cloud import CloudProviderSettings
from waypost.destinations.kinds import kind_of
from waypost.destinations.kinds.https import EndpointUrl, Token
from waypost.destinations.kinds.kind import Kind
from waypost.egress.lists import OPEN, EgressList
from waypost.environments.store import Flag
from waypost.ids import is_uuid
from waypost.validation import Body, Line, absent

Method = Literal["POST", "GET"]
SuccessStatus = Literal["2xx", "200"]


def _uuid(value: str) -> str:
    if not is_uuid(value):
        raise PydanticCustomError("invalid_uuid", "This must be a UUID.")
    return value.lower()


def _ascii(value: str) -> str:
    if not value.isascii():
        raise PydanticCustomError("invalid_character", "PEM is plain ASCII.")
    return value


def _public(value: str) -> str:
    if "PRIVATE KEY" in value:
        message = "This holds a private key, and would be shown; send the key as clientKey."
        raise PydanticCustomError("private_key", message)
    return value


Uuid = Annotated[str, AfterValidator(_uuid)]
Pem = Annotated[str, StringConstraints(min_length=1, max_length=65536), AfterValidator(_ascii)]
Certificates = Annotated[Pem, AfterValidator(_public)]


class EnvironmentRef(Body):
    """The environment that a destination is in."""

    id: Uuid
    environmentFlag: Annotated[Flag, Field(strict=False)]


class SetupDestination(Body):
    """The state of the current step in the configuration process."""

    authCredential: Uuid | None = None
    cloudProviderSettings: dict[str, Any] | None = None
    id: Uuid | None = None
    name: Annotated[str, StringConstraints(max_length=255)] | None = None
    environment: EnvironmentRef | None = None


class DestinationSetupState(Body):
    """The progress of whoever is configuring the destination."""

    step: Annotated[str, StringConstraints(max_length=64)]
    destination: SetupDestination = SetupDestination()


class DestinationCreate(Body):
    """Body of Create destination."""

    id: Uuid | None = Field(None, description="Honoured when it is free (ours).")
    name: Line
    authCredential: Uuid | None = None
    endpoint: EndpointUrl | None = None
    environment: EnvironmentRef | None = None
    cloudProviderSettings: CloudProviderSettings | None = None
    setupState: DestinationSetupState | None = None
    verificationToken: Token | None = None


class DestinationPatch(Body):
    """Body of Update destination: only supplied fields change."""

    name: Line = absent()
    authCredential: Uuid | None = Field(None, description="null detaches the credential (ours).")
    endpoint: EndpointUrl = absent()
    verificationToken: Token | None = Field(None, description="null clears the token (ours).")
    id: Any = Field(None, description="Cannot change; accepted when equal (ours).")
    environment: Any = Field(None, description="Cannot change; accepted when equal (ours).")
    cloudProviderSettings: Any = Field(None, description="Cannot change; accepted when equal (ours).")
    setupState: Any = Field(None, description="Cannot change here; accepted when equal (ours).")


IMMUTABLE = ("id", "environment", "cloudProviderSettings", "setupState")


class DestinationVerify(Body):
    """Body of Verify destination; what is not sent is taken from the destination."""

    endpoint: EndpointUrl | None = None
    verificationToken: Token | None = None
    verificationMethod: Method | None = None


class DestinationDelete(Body):
    """Body of Delete destination (ours); it may be left out."""

    reason: Line | None = Field(None, description="Why pending messages are given up; they end skipped.")


class TlsPatch(Body):
    """Trust and identity towards this destination; PEM. The key is never returned."""

    caCertificate: Certificates | None = None
    clientCertificate: Certificates | None = None
    clientKey: Pem | None = None
    hasClientKey: Any = Field(None, description="Cannot change by itself; accepted when equal.")


class SettingsPatch(Body):
    """What the documented object has no place for (ours)."""

    tls: TlsPatch = absent()
    timeoutSeconds: Annotated[int, Field(ge=1, le=120)] = absent()
    successStatus: SuccessStatus = absent()
    sendTokenAsBearer: bool = absent()
    id: Any = Field(None, description="Cannot change; accepted when equal.")
    verification: Any = Field(None, description="Changes by a verification; accepted when equal.")


IMMUTABLE_SETTINGS = ("id", "verification")


class SetupPut(Body):
    """Progress of the set-up; `setupState: null` finishes it."""

    setupState: DestinationSetupState | None
    endpoint: EndpointUrl | None = None
    cloudProviderSettings: CloudProviderSettings | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether the endpoint proved that it is its owner's: `unverified`, `verified`, or `stale` after a change."""

    state: str = "unverified"
    at: int | None = None
    method: Method = "POST"


@dataclass(frozen=True, slots=True)
class Tls:
    """Private trust and a client certificate, PEM; the key stays sealed."""

    ca_certificate: str | None = None
    client_certificate: str | None = None
    has_client_key: bool = False


@dataclass(frozen=True, slots=True)
class Destination:
    """One destination without its secrets. `version` moves with every change, its environment's `egress` too."""

    id: str
    environment_id: str
    flag: Flag
    name: str
    endpoint: str | None = None
    credential_id: str | None = None
    cloud: dict[str, Any] | None = None
    setup_state: dict[str, Any] | None = None
    has_token: bool = False
    verification: Verification = field(default_factory=Verification)
    tls: Tls = field(default_factory=Tls)
    timeout_seconds: int = 30
    success_status: SuccessStatus = "2xx"
    token_as_bearer: bool = True
    version: int = 1
    egress: EgressList = OPEN

    @property
    def is_cloud(self) -> bool:
        """Whether messages become objects in a store rather than requests; this never changes."""
        return self.cloud is not None

    @property
    def kind(self) -> Kind | None:
        """The kind, which never changes once it is set up; None for one that this version does not know."""
        return kind_of(self.cloud)

    @property
    def chosen_kind(self) -> Kind | None:
        """The kind, or the one that the progress of its set-up names while nothing is settled yet."""
        if self.is_cloud or self.endpoint is not None or self.setup_state is None:
            return self.kind
        partial = self.setup_state.get("destination") or {}
        return kind_of(partial.get("cloudProviderSettings") or None)

    @property
    def takes_credential(self) -> bool:
        """Whether there are credentials that its kind can use."""
        return self.kind is None or self.kind.takes_credential

    @property
    def lacks_credential(self) -> bool:
        """Whether it has no credential and its kind delivers nothing without one."""
        return self.is_cloud and self.takes_credential and self.credential_id is None

    @property
    def is_development(self) -> bool:
        """Whether plain http is accepted (the seed: production and staging must use HTTPS)."""
        return self.flag is Flag.development

    @property
    def etag(self) -> str:
        """The entity tag of this version (RFC 9110)."""
        return f'"{self.version}"'

    def shown(self) -> dict[str, Any]:
        """The documented object; nothing secret is in it."""
        environment = {"id": self.environment_id, "environmentFlag": self.flag.value}
        return documented(
            self.id, self.name, self.credential_id, self.endpoint, environment, self.cloud, self.setup_state
        )

    def shown_settings(self) -> dict[str, Any]:
        """What is ours of it: all that the documented object has no place for, secrets apart."""
        at = self.verification.at
        return {
            "id": self.id,
            "verification": {
                "state": self.verification.state,
                "at": None if at is None else iso(at),
                "method": self.verification.method,
            },
            "tls": {
                "caCertificate": self.tls.ca_certificate,
                "clientCertificate": self.tls.client_certificate,
                "hasClientKey": self.tls.has_client_key,
            },
            "timeoutSeconds": self.timeout_seconds,
            "successStatus": self.success_status,
            "sendTokenAsBearer": self.token_as_bearer,
        }


def documented(
    destination_id: str,
    name: str,
    credential_id: str | None,
    endpoint: str | None,
    environment: Mapping[str, str],
    cloud: Mapping[str, Any] | None,
    setup_state: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """A destination as the vendor documents it."""
    body: dict[str, Any] = {"id": destination_id, "name": name}
    if credential_id is not None:
        body["authCredential"] = credential_id
    if endpoint is not None:
        body["endpoint"] = endpoint
    body["environment"] = environment
    if cloud is not None:
        body["cloudProviderSettings"] = cloud
    body["setupState"] = setup_state
    return body
