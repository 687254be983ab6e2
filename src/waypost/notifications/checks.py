"""What is wrong with a body beyond its shape: every fault at once, with those of the shape. Pure."""

import ssl
from collections.abc import Iterator, Mapping
from typing import Any

from waypost.egress import identity
from waypost.egress.policy import Policy
from waypost.errors import Fault
from waypost.notifications.model import (
    SECRETS,
    Channel,
    NotificationSettings,
    NotificationsPut,
    Security,
    Smtp,
    from_body,
    has,
    is_host,
    server_url,
)

_MOVED = "The address changes: send this secret again, or null to have none."


def addresses(policy: Policy, raw: Any, *, is_development: bool) -> Iterator[Fault]:
    """What keeps webhook and mail server from being called; nothing for a value that its own field refuses."""
    url = _part(raw, Channel.webhook).get("url")
    if isinstance(url, str) and 0 < len(url) <= 2048:
        yield from policy.faults(url, https_only=not is_development, pointer="/webhook/url")
    host, port = (_part(raw, Channel.smtp).get(name) for name in ("host", "port"))
    if isinstance(host, str) and is_host(host):
        where = server_url(host, port if isinstance(port, int) and 0 < port < 65536 else 25)
        yield from policy.faults(where, https_only=False, pointer="/smtp/host")


def against(
    body: NotificationsPut, raw: Any, before: NotificationSettings, *, is_development: bool
) -> Iterator[Fault]:
    """Faults of a body of the right shape, held against what is there."""
    wanted = from_body(before.environment_id, body, frozenset(kept_or_sent(body, raw, before)))
    for channel, new in wanted.channels.items():
        old = before.channels.get(channel)
        kept = old is not None and old.has_secret
        if old is not None and kept and old.leads_to != new.leads_to and not sent(raw, channel):
            yield Fault(f"/{channel}/{SECRETS[channel]}", "secret_required", _MOVED)
        if _part(raw, channel).get(has(channel), kept) not in (kept, None):
            detail = "This says whether there is a secret; leave it out, or send it as it is."
            yield Fault(f"/{channel}/{has(channel)}", "immutable", detail)
    if wanted.smtp is not None:
        yield from _smtp(wanted.smtp, is_development=is_development)


def kept_or_sent(body: NotificationsPut, raw: Any, before: NotificationSettings) -> Iterator[Channel]:
    """The channels that have a secret once the body is kept."""
    for channel in Channel:
        part, old = getattr(body, channel), before.channels.get(channel)
        kept = old is not None and old.has_secret and not sent(raw, channel)
        if part is not None and (kept or getattr(part, SECRETS[channel]) is not None):
            yield channel


def sent(raw: Any, channel: Channel) -> bool:
    """Whether the body says anything of this channel's secret."""
    return SECRETS[channel] in _part(raw, channel)


def _smtp(smtp: Smtp, *, is_development: bool) -> Iterator[Fault]:
    if smtp.has_secret != (smtp.username is not None):
        name = "username" if smtp.has_secret else "password"
        yield Fault(f"/smtp/{name}", "required", "A user name and a password come and go together.")
    if smtp.has_secret and smtp.security is Security.none and not is_development:
        detail = "A password goes over starttls or tls only; none is for a server that asks for no password."
        yield Fault("/smtp/security", "tls_required", detail)
    try:
        identity.context(smtp.ca_certificate, None, None)
    except (ssl.SSLError, ValueError):
        detail = "These are not certificates in PEM that can be trusted."
        yield Fault("/smtp/caCertificate", "invalid_certificate", detail)


def _part(raw: Any, channel: Channel) -> Mapping[str, Any]:
    part = raw.get(channel.value) if isinstance(raw, Mapping) else None
    return part if isinstance(part, Mapping) else {}
