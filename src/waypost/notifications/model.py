"""Who is told of an environment's troubles, and by which way. Pure.

A channel is one way to tell: `webhook` or `smtp`. An environment has each at most once.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from waypost import signatures
from waypost.audit.masking import CHANGED, masked_url
from waypost.egress.urls import authority_of
from waypost.validation import Body, one_line

DEFAULT_HELD_SECONDS = 300
MOST_RECIPIENTS = 20

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,189}")


class Channel(StrEnum):
    """A way to tell somebody."""

    webhook = "webhook"
    smtp = "smtp"


class Security(StrEnum):
    """How a mail connection is protected: STARTTLS, TLS from its first byte, or not at all."""

    starttls = "starttls"
    tls = "tls"
    none = "none"


def _signing_secret(value: str) -> str:
    try:
        key = base64.b64decode(value.removeprefix(signatures.PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not value.startswith(signatures.PREFIX) or not 24 <= len(key) <= 64:
        message = "A signing secret is `whsec_` and 24 to 64 bytes in base64 (Standard Webhooks)."
        raise PydanticCustomError("invalid_secret", message)
    return value


def is_host(value: str) -> bool:
    """Whether this could be a host name or an IP address."""
    return _HOST.fullmatch(value) is not None


def server_url(host: str, port: int) -> str:
    """A server as the egress policy judges it: as if it were called by https."""
    return f"https://{f'[{host}]' if ':' in host else host}:{port}/"


def _host(value: str) -> str:
    if not is_host(value):
        message = "This is a host name, or an IP address, without a scheme or a port."
        raise PydanticCustomError("invalid_host", message)
    return value


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise PydanticCustomError("invalid_address", "This is one mail address, as in night-watch@example.org.")
    return value


def _public(value: str) -> str:
    if not value.isascii() or "PRIVATE KEY" in value:
        message = "This is certificates in PEM, plain ASCII, without a private key."
        raise PydanticCustomError("invalid_certificate", message)
    return value


UncheckedUrl = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
"""Checked against the egress policy by the service, which knows the environment."""
Address = Annotated[str, AfterValidator(_address)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(one_line)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=1024), AfterValidator(one_line)]
PublicPem = Annotated[str, StringConstraints(min_length=1, max_length=65536), AfterValidator(_public)]


class WebhookPut(Body):
    """An HTTPS address that takes notices as JSON. A secret that is left out stays as it is; null clears it."""

    url: UncheckedUrl
    secret: Annotated[str, AfterValidator(_signing_secret)] | None = Field(
        None, repr=False, description="Signs each notice (Standard Webhooks); never returned."
    )
    hasSecret: Any = Field(None, description="Cannot change by itself; accepted when equal.")


class SmtpPut(Body):
    """A mail server and who gets the mails. A password that is left out stays as it is; null clears it."""

    host: Annotated[str, AfterValidator(_host)]
    port: Annotated[int, Field(ge=1, le=65535)]
    security: Annotated[Security, Field(strict=False)] = Security.starttls
    username: Text | None = None
    password: Password | None = Field(None, repr=False, description="Never returned.")
    hasPassword: Any = Field(None, description="Cannot change by itself; accepted when equal.")
    caCertificate: PublicPem | None = Field(None, description="Trusted in place of the system's; PEM.")
    from_: Address = Field(alias="from")
    to: Annotated[list[Address], Field(min_length=1, max_length=MOST_RECIPIENTS)]


class NotificationsPut(Body):
    """Body of Put notifications: all of it; a channel that is left out or null is taken away."""

    webhook: WebhookPut | None = None
    smtp: SmtpPut | None = None
    heldAfterSeconds: Annotated[int, Field(ge=1, le=7 * 86400)] = DEFAULT_HELD_SECONDS
    environment: Any = Field(None, description="Cannot change; accepted when equal.")


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that takes notices; its secret lies apart, sealed."""

    url: str
    has_secret: bool

    @property
    def leads_to(self) -> tuple[object, ...]:
        """Where the secret goes: it may not go elsewhere without being sent anew."""
        found = authority_of(self.url)
        return (self.url,) if isinstance(found, str) else (found.https, found.name, found.port)


@dataclass(frozen=True, slots=True)
class Smtp:
    """A mail server with sender and recipients; the password lies apart, sealed."""

    host: str
    port: int
    security: Security
    username: str | None
    has_secret: bool
    ca_certificate: str | None
    sender: str
    to: tuple[str, ...]

    @property
    def leads_to(self) -> tuple[object, ...]:
        """Where the password goes, and how well it is protected on its way."""
        return (self.host.lower().rstrip("."), self.port, self.security, self.ca_certificate)

    @property
    def url(self) -> str:
        """The server as the egress policy judges it."""
        return server_url(self.host, self.port)


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """One environment's notifications without their secrets; version 0 has never been set."""

    environment_id: str
    webhook: Webhook | None = None
    smtp: Smtp | None = None
    held_after_seconds: int = DEFAULT_HELD_SECONDS
    version: int = 0

    @property
    def etag(self) -> str:
        """The entity tag of this version (RFC 9110)."""
        return f'"{self.version}"'

    @property
    def channels(self) -> dict[Channel, Webhook | Smtp]:
        """The ways that are set up."""
        both = {Channel.webhook: self.webhook, Channel.smtp: self.smtp}
        return {name: channel for name, channel in both.items() if channel is not None}


def from_body(environment_id: str, body: NotificationsPut, secrets: frozenset[Channel]) -> NotificationSettings:
    """What a body asks for; `secrets` names the channels that then have one."""
    webhook = None if body.webhook is None else Webhook(body.webhook.url, Channel.webhook in secrets)
    smtp = None if body.smtp is None else _smtp(body.smtp, has_password=Channel.smtp in secrets)
    return NotificationSettings(environment_id, webhook, smtp, body.heldAfterSeconds)


def _smtp(body: SmtpPut, *, has_password: bool) -> Smtp:
    return Smtp(
        host=body.host,
        port=body.port,
        security=body.security,
        username=body.username,
        has_secret=has_password,
        ca_certificate=body.caCertificate,
        sender=body.from_,
        to=tuple(body.to),
    )


def shown(settings: NotificationSettings, flag: str) -> dict[str, Any]:
    """The API's object; nothing secret is in it."""
    webhook, smtp = settings.webhook, settings.smtp
    return {
        "environment": {"id": settings.environment_id, "environmentFlag": flag},
        "heldAfterSeconds": settings.held_after_seconds,
        "webhook": webhook and {"url": webhook.url, "hasSecret": webhook.has_secret},
        "smtp": smtp and _shown_smtp(smtp),
    }


def _shown_smtp(smtp: Smtp) -> dict[str, Any]:
    return {
        "host": smtp.host,
        "port": smtp.port,
        "security": smtp.security.value,
        "username": smtp.username,
        "hasPassword": smtp.has_secret,
        "caCertificate": smtp.ca_certificate,
        "from": smtp.sender,
        "to": list(smtp.to),
    }


def audited(settings: NotificationSettings, flag: str) -> dict[str, Any]:
    """The object as audit events have it: query strings of URLs are hidden too."""
    if settings.webhook is not None:
        settings = replace(settings, webhook=replace(settings.webhook, url=masked_url(settings.webhook.url)))
    return {name: value for name, value in shown(settings, flag).items() if name != "environment"}


def difference(
    before: NotificationSettings, after: NotificationSettings, flag: str, secrets: Mapping[Channel, Any]
) -> dict[str, Any]:
    """Before and after, for the audit event; secrets that were set or cleared only as changed."""
    names = {Channel.webhook: "webhook.secret", Channel.smtp: "smtp.password"}
    hidden = {names[channel]: CHANGED for channel in secrets}
    return {"before": audited(before, flag), "after": audited(after, flag) | hidden}


SecretName = Literal["secret", "password"]
SECRETS: dict[Channel, SecretName] = {Channel.webhook: "secret", Channel.smtp: "password"}
"""The field of each channel that is sealed."""


def has(channel: Channel) -> str:
    """The field that stands in a secret's place: `secret` → `hasSecret`."""
    return f"has{SECRETS[channel].capitalize()}"
