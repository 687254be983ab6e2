"""The one place that reads the environment: `WAYPOST_…`, all faults at once.

`docs/reference/settings.md` is this table in prose; a test holds the two together.
"""

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from waypost.db.postgresql import hosts
from waypost.folder import Folder

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SettingsInvalid(Exception):
    """Some settings cannot be used; the message names each of them on a line of its own."""


def _split(value: Any) -> Any:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _network(value: Any) -> Any:
    return ipaddress.ip_network(value, strict=False) if isinstance(value, str) else value


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an absolute http(s) URL")
    return value.rstrip("/")


def _issuer(value: str) -> str:
    """An issuer is compared letter by letter, so that nothing is taken off it."""
    parts = urlsplit(value)
    if parts.query or parts.fragment or not parts.hostname or not (parts.scheme == "https" or _is_local(parts)):
        raise ValueError("must be an absolute https URL without query, as the provider itself spells it")
    return value


def _is_local(parts: SplitResult) -> bool:
    try:
        return parts.scheme == "http" and ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def _secret_file(value: Path) -> Path:
    try:
        empty = not value.read_text().strip()
    except (OSError, ValueError):
        raise ValueError("cannot be read") from None
    if empty:
        raise ValueError("is empty")
    return value


def _account_url(value: str) -> str:
    if value.count("{account}") != 1:
        raise ValueError("must have {account} in it, once")
    _http_url(value.replace("{account}", "account"))
    return value.rstrip("/")


def _postgresql_url(value: str) -> str:
    parts = urlsplit(hosts.split(value)[0])
    if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
        raise ValueError("must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    wanted = dict(parse_qsl(parts.query)).get(hosts.ATTRIBUTES, hosts.KNOWN[0])
    if wanted not in hosts.KNOWN:
        raise ValueError(f"{hosts.ATTRIBUTES} must be one of {', '.join(hosts.KNOWN)}")
    return "postgresql" + value[value.index(":") :]


Networks = Annotated[tuple[Annotated[Network, BeforeValidator(_network)], ...], NoDecode, BeforeValidator(_split)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Seconds = Annotated[tuple[Annotated[float, Field(ge=0, le=86400)], ...], NoDecode, BeforeValidator(_split)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
IssuerUrl = Annotated[str, AfterValidator(_issuer)]
SecretFile = Annotated[Path, AfterValidator(_secret_file)]
AccountUrl = Annotated[str, AfterValidator(_account_url)]
DatabaseUrl = Annotated[str, AfterValidator(_postgresql_url)]


class Settings(BaseSettings):
    """What an operator may set; each field is the variable `WAYPOST_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="WAYPOST_", frozen=True, extra="ignore", env_ignore_empty=True)

    data: Path = Field(Path("waypost-data"), description="The data folder; `--data` wins over it.")
    database_url: DatabaseUrl | None = Field(
        None, description="The store: `postgresql://…`, for several nodes; SQLite in the data folder when unset."
    )
    base_url: HttpUrl | None = Field(
        None, description="How clients reach this server; token audiences and links are made from it."
    )
    token_audiences: Words = Field(
        (), description="Further `aud` values that a token assertion may name, comma-separated."
    )
    master_key_file: Path | None = Field(
        None,
        description="The sealing key file; in the data folder when unset, which is for loopback and SQLite only.",
    )
    allowed_networks: Networks = Field(
        (), description="Networks (CIDR, comma-separated) that may be reached although they are private."
    )
    grantable_networks: Networks = Field(
        (), description="Private networks (CIDR) that an owner may open for one environment, by its egress list."
    )
    egress_proxy: HttpUrl | None = Field(
        None, description="Proxy for every outbound call; the ambient *_PROXY variables are ignored."
    )
    retry_schedule: Seconds = Field(
        (0, 10, 10, 20, 30, 50, 80, 120),
        description="Seconds before each retry of a held queue, comma-separated; the last one repeats for ever.",
        min_length=1,
    )
    retention_days: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="Days that a log is kept after its end, and its message with it; unset keeps everything.",
    )
    audit_retention_days: Annotated[float, Field(ge=1)] = Field(
        2190, description="Days that an audit event is kept; the chain of the kept ones still holds."
    )
    disk_floor_bytes: Annotated[int, Field(ge=0)] = Field(
        512_000_000,
        description="Free bytes of the data folder's disk below which messages are answered 503; 0 never.",
    )
    rate_limits: Literal["roomy", "vendor"] = Field(
        "roomy", description="`vendor` applies the vendor's documented request limits."
    )
    body_memory_mb: Annotated[int, Field(ge=48)] = Field(
        192,
        description="MB of large bodies that may be in memory at once: a third received, two thirds delivered.",
    )
    trusted_proxies: Networks = Field(
        (),
        description="Networks of reverse proxies whose `X-Forwarded-For` is believed, with `--behind-proxy`.",
    )
    metrics_token: str | None = Field(None, description="Bearer token for `/metrics` from outside loopback.")
    oidc_issuer: IssuerUrl | None = Field(
        None, description="Identity provider (OpenID Connect) by which people may sign in to the dashboard."
    )
    oidc_client_id: str | None = Field(None, description="What the identity provider knows this Waypost by.")
    oidc_client_secret: str | None = Field(
        None, description="The secret that goes with it; unset for a client that has none.", repr=False
    )
    oidc_client_secret_file: SecretFile | None = Field(
        None, description="A file with that secret, in place of the variable."
    )
    application_name: str = Field(
        "RedoxEngine", description="Value of the `application-name` header.", pattern=r"^[\x21-\x7e]{1,64}$"
    )
    azure_blob_url: AccountUrl = Field(
        "https://{account}.blob.core.windows.net",
        description="Azure Blob endpoint, with `{account}` where the storage account's name stands.",
    )
    s3_url: HttpUrl | None = Field(
        None, description="S3 endpoint in place of Amazon's; buckets are then part of the path."
    )
    gcs_url: HttpUrl | None = Field(None, description="Cloud Storage endpoint in place of Google's.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.oidc_issuer is None) != (self.oidc_client_id is None):
            raise ValueError("WAYPOST_OIDC_ISSUER and WAYPOST_OIDC_CLIENT_ID go together")
        if self.oidc_client_secret is not None and self.oidc_client_secret_file is not None:
            raise ValueError("WAYPOST_OIDC_CLIENT_SECRET and WAYPOST_OIDC_CLIENT_SECRET_FILE exclude each other")
        return self

    @property
    def oidc_secret(self) -> str | None:
        """The secret of the identity provider's client, from wherever it is."""
        file = self.oidc_client_secret_file
        return self.oidc_client_secret if file is None else file.read_text().strip()

    @property
    def key_file(self) -> Path:
        """Where the sealing keys are."""
        return self.master_key_file or Folder(self.data).sealing_key


def load(**overrides: Any) -> Settings:
    """Settings from the environment, command-line values winning. Raises SettingsInvalid."""
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise SettingsInvalid("\n".join(map(_line, error.errors()))) from None


def _line(fault: ErrorDetails) -> str:
    """A fault in words, with its variable; what is wrong with several names them itself."""
    place = fault["loc"]
    return f"WAYPOST_{str(place[0]).upper()}: {fault['msg']}" if place else fault["msg"]
