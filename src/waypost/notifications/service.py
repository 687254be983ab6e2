"""What can be done with an environment's notifications: look, put, test; and the notices that there were."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from waypost import etags
from waypost.access import ANY_ROLE, ENGINEER, Caller, require_environment
from waypost.audit import store as audit
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.egress.policy import Policy
from waypost.environments import store as environments
from waypost.environments.store import Environment
from waypost.errors import Conflict, Invalid
from waypost.ids import new_id
from waypost.notifications import checks, model, outbox, store
from waypost.notifications.model import SECRETS, Channel, NotificationSettings, NotificationsPut
from waypost.notifications.notice import Notice, NoticeKind
from waypost.notifications.sending import NoticeSender, OpenChannel
from waypost.validation import check, unchanged
from waypost.vault.keyring import KeyUnavailable
from waypost.vault.vault import Vault


class Notifications:
    """The notifications of every environment: any role reads, an engineer writes."""

    def __init__(self, db: Database, vault: Vault, clock: Clock, policy: Policy, sender: NoticeSender) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._policy = policy
        self._sender = sender

    async def get(self, caller: Caller, environment_id: str) -> tuple[NotificationSettings, Environment]:
        """The environment's settings, without secrets."""
        require_environment(caller, environment_id, ANY_ROLE)
        return await self._db.read(
            lambda tx: (store.get(tx, environment_id), environments.get(tx, environment_id))
        )

    async def put(
        self, caller: Caller, environment_id: str, raw: Any, *, if_match: str | None = None
    ) -> tuple[NotificationSettings, Environment]:
        """Replace the settings; a secret that is not sent stays, as long as its address does.

        Raises Invalid with every fault, Stale when `if_match` names another version.
        """
        require_environment(caller, environment_id, ENGINEER)
        await self._vault.prepare(environment_id)

        def change(tx: Tx) -> tuple[NotificationSettings, Environment]:
            environment = environments.get(tx, environment_id)
            before = store.get(tx, environment_id)
            etags.require(if_match, before.etag)
            body = self._checked(raw, before, environment)
            return self._put(tx, caller, environment, before, body, raw), environment

        return await self._db.write(change)

    async def test(self, caller: Caller, environment_id: str) -> dict[Channel, str | None]:
        """Send a test by every channel, now; why it failed, or None, for each. Raises Conflict without any."""
        require_environment(caller, environment_id, ENGINEER)

        def begin(tx: Tx) -> tuple[dict[Channel, OpenChannel], Notice]:
            environment = environments.get(tx, environment_id)
            settings = store.get(tx, environment_id)
            if not settings.channels:
                raise Conflict("Neither a webhook nor a mail server is set up here.", code="no_channel")
            opened = channels(tx, self._vault, settings)
            details = {"id": environment_id, "channels": sorted(settings.channels)}
            self._record(tx, caller, environment, "notifications-tested", details)
            now, flag = self._clock.now_ms(), environment.flag.value
            return opened, Notice(new_id(), environment_id, environment.name, flag, NoticeKind.tested, now)

        opened, notice = await self._db.write(begin)
        return {channel: await self._sender.send(each, [notice]) for channel, each in opened.items()}

    async def notices(
        self, caller: Caller, environment_id: str, count: int
    ) -> list[tuple[sa.Row[Any], list[sa.Row[Any]]]]:
        """The environment's newest notices, each with its deliveries."""
        require_environment(caller, environment_id, ANY_ROLE)
        return await self._db.read(lambda tx: outbox.page(tx, environment_id, count))

    def _checked(self, raw: Any, before: NotificationSettings, environment: Environment) -> NotificationsPut:
        here = environment.is_development
        body, faults = check(NotificationsPut, raw)
        shown = model.shown(before, environment.flag.value)
        faults += unchanged(raw, shown, ["environment"])
        faults += checks.addresses(self._policy.within(environment.egress), raw, is_development=here)
        if body is not None:
            faults += checks.against(body, raw, before, is_development=here)
        if body is None or faults:
            raise Invalid(faults)
        return body

    def _put(
        self,
        tx: Tx,
        caller: Caller,
        environment: Environment,
        before: NotificationSettings,
        body: NotificationsPut,
        raw: Mapping[str, Any],
    ) -> NotificationSettings:
        """Write what differs, audited; what is kept now."""
        kept = frozenset(checks.kept_or_sent(body, raw, before))
        wanted = replace(model.from_body(environment.id, body, kept), version=before.version)
        known = self._known(tx, before, needed=[each for each in kept if not checks.sent(raw, each)])
        given = {channel: _given(body, channel) for channel in Channel if checks.sent(raw, channel)}
        secrets = {each: given.get(each) or known[each] for each in kept}
        moved = {each: value for each, value in given.items() if value != known.get(each)}
        if wanted == before and not moved:
            return before
        now = self._clock.now_ms()
        after = store.put(tx, self._vault, wanted, secrets, now)
        outbox.retarget(tx, environment.id, list(after.channels), now)
        details = model.difference(before, after, environment.flag.value, moved)
        self._record(tx, caller, environment, "notifications-updated", {"id": environment.id} | details)
        return after

    def _known(self, tx: Tx, before: NotificationSettings, *, needed: list[Channel]) -> dict[Channel, str]:
        """The stored secrets. When all of them are sent again a lost key does no harm: then they are new."""
        try:
            return store.open_secrets(tx, self._vault, before.environment_id)
        except KeyUnavailable:
            if needed:
                raise
            return {}

    def _record(
        self, tx: Tx, caller: Caller, environment: Environment, type_: str, details: Mapping[str, Any]
    ) -> None:
        audit.record(
            tx,
            caller,
            type_,
            organization_id=environment.organization_id,
            environment_id=environment.id,
            details=details,
            now_ms=self._clock.now_ms(),
        )


def channels(tx: Tx, vault: Vault, settings: NotificationSettings) -> dict[Channel, OpenChannel]:
    """What is set up, with its secrets. Raises KeyUnavailable."""
    secrets = store.open_secrets(tx, vault, settings.environment_id)
    egress = environments.get(tx, settings.environment_id).egress
    return {name: OpenChannel(each, secrets.get(name), egress) for name, each in settings.channels.items()}


def _given(body: NotificationsPut, channel: Channel) -> str | None:
    part = getattr(body, channel)
    secret: str | None = None if part is None else getattr(part, SECRETS[channel])
    return secret
