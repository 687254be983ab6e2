"""Rows of who is told: one an environment, settings in the clear, both secrets in one sealed blob."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx, metadata
from waypost.notifications.model import Channel, NotificationSettings, Security, Smtp, Webhook
from waypost.vault.vault import Vault

notification = sa.Table(
    "notification",
    metadata,
    sa.Column("environment_id", sa.String(36), sa.ForeignKey("environment.id"), primary_key=True),
    sa.Column("webhook", sa.Text),
    sa.Column("smtp", sa.Text),
    sa.Column("held_after_ms", sa.BigInteger, nullable=False),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("secrets_version", sa.BigInteger, nullable=False, server_default="1"),
    sa.Column("version", sa.BigInteger, nullable=False, server_default="1"),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
)

tells = sa.or_(notification.c.webhook.is_not(None), notification.c.smtp.is_not(None))
"""Whether an environment has any channel."""


def get(tx: Tx, environment_id: str) -> NotificationSettings:
    """An environment's notifications; those that were never set have version 0."""
    row = tx.execute(sa.select(notification).where(notification.c.environment_id == environment_id)).one_or_none()
    return NotificationSettings(environment_id) if row is None else _settings(row)


def environments_told(tx: Tx) -> list[str]:
    """The environments that have any channel."""
    return list(tx.scalars(sa.select(notification.c.environment_id).where(tells)))


def sealed_environments(tx: Tx) -> list[str]:
    """The environments whose channels have a secret."""
    return list(tx.scalars(sa.select(notification.c.environment_id).where(notification.c.sealed.is_not(None))))


def open_secrets(tx: Tx, vault: Vault, environment_id: str) -> dict[Channel, str]:
    """The secrets by their channels. Raises KeyUnavailable."""
    c = notification.c
    query = sa.select(c.sealed, c.secrets_version).where(c.environment_id == environment_id)
    row = tx.execute(query).one_or_none()
    if row is None or row.sealed is None:
        return {}
    opened = vault.open(tx, row.sealed, table="notification", row=environment_id, version=row.secrets_version)
    return {Channel(name): secret for name, secret in json.loads(opened).items()}


def put(
    tx: Tx, vault: Vault, kept: NotificationSettings, secrets: Mapping[Channel, str], now_ms: int
) -> NotificationSettings:
    """Keep these settings as the next version; the environment was prepared for sealing."""
    c = notification.c
    here = c.environment_id == kept.environment_id
    row = tx.execute(sa.select(c.version, c.secrets_version).where(here)).one_or_none()
    version = 1 if row is None else row.version + 1
    secrets_version = 1 if row is None else row.secrets_version + 1
    values = {
        "webhook": kept.webhook and json.dumps(asdict(kept.webhook)),
        "smtp": kept.smtp and json.dumps(asdict(kept.smtp)),
        "held_after_ms": kept.held_after_seconds * 1000,
        "sealed": _sealed(vault, kept.environment_id, secrets, secrets_version),
        "secrets_version": secrets_version,
        "version": version,
        "updated_at": now_ms,
    }
    if row is None:
        tx.execute(notification.insert().values(environment_id=kept.environment_id, **values))
    else:
        tx.execute(notification.update().where(here).values(values))
    return get(tx, kept.environment_id)


def _sealed(vault: Vault, environment_id: str, secrets: Mapping[Channel, str], version: int) -> bytes | None:
    if not secrets:
        return None
    data = json.dumps({channel.value: secret for channel, secret in secrets.items()}).encode()
    return vault.seal(environment_id, data, table="notification", row=environment_id, version=version)


def _settings(row: sa.Row[Any]) -> NotificationSettings:
    webhook, smtp = (None if text is None else json.loads(text) for text in (row.webhook, row.smtp))
    if smtp is not None:
        smtp |= {"security": Security(smtp["security"]), "to": tuple(smtp["to"])}
    return NotificationSettings(
        environment_id=row.environment_id,
        webhook=webhook and Webhook(**webhook),
        smtp=smtp and Smtp(**smtp),
        held_after_seconds=row.held_after_ms // 1000,
        version=row.version,
    )
