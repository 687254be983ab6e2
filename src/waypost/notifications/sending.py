"""Sending notices by one channel: the webhook gets each as a request of its own, a mail carries all at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from waypost import signatures
from waypost.clock import Clock
from waypost.egress.client import Client, Unreached
from waypost.egress.lists import OPEN, EgressList
from waypost.environments.store import Flag
from waypost.notifications.model import Smtp, Webhook
from waypost.notifications.notice import Notice, body

WEBHOOK_SECONDS = 10


@dataclass(frozen=True, slots=True)
class OpenChannel:
    """A channel with its secret, for the length of a round."""

    channel: Webhook | Smtp
    secret: str | None
    egress: EgressList = OPEN


class NoticeSender:
    """Sends. Expected failures come back as the reason, in our words; None is success."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def send(self, opened: OpenChannel, told: Sequence[Notice]) -> str | None:
        """Send these notices at once: a webhook takes exactly one."""
        if isinstance(opened.channel, Smtp):
            from waypost.notifications import mail  # and aiosmtplib, where there is a mail server

            client = self._client.within(opened.egress)
            return await mail.send(client, opened.channel, opened.secret, told, self._clock.now_ms())
        return await self._post(opened.channel, opened.secret, opened.egress, told[0])

    async def _post(self, webhook: Webhook, secret: str | None, egress: EgressList, notice: Notice) -> str | None:
        content = body(notice)
        keys = [] if secret is None else [secret]
        answer = await self._client.within(egress).send(
            "POST",
            webhook.url,
            headers={
                "Content-Type": "application/json",
                signatures.ID: notice.id,
                **signatures.headers(notice.id, self._clock.now_ms(), content, keys),
            },
            body=content,
            timeout_seconds=WEBHOOK_SECONDS,
            https_only=notice.flag != Flag.development,
            most_bytes=1024,
        )
        if isinstance(answer, Unreached):
            return answer.reason
        return None if answer.is_success else f"The webhook answered {answer.status}."


def rounds(channel: Webhook | Smtp, told: Sequence[Notice]) -> list[Sequence[Notice]]:
    """The notices as they go out together."""
    return [told] if isinstance(channel, Smtp) else [[each] for each in told]
