"""Where a log is replayed to: the queues that its message would go into if it came in now."""

from enum import Enum, auto

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.errors import NotFound
from waypost.messages import routing
from waypost.messages.model import MessageInvalid
from waypost.queues.model import Addressee
from waypost.queues.store import message
from waypost.subscriptions import store as subscriptions
from waypost.vault.vault import Vault


class Gone(Enum):
    """What a replay needs and is there no more."""

    subscription = auto()
    message = auto()


def addressee(tx: Tx, vault: Vault, subscription_id: str, message_id: str) -> Addressee | Gone:
    """The place of a new log. The body is opened only where child queues are to be told apart.

    Raises vault.keyring.KeyUnavailable.
    """
    try:
        subscription = subscriptions.get(tx, subscription_id)
    except NotFound:
        return Gone.subscription
    wanted = message.c.body if subscription.child_queues else message.c.id
    found = tx.execute(sa.select(wanted).where(message.c.id == message_id)).one_or_none()
    if found is None:
        return Gone.message
    sorting = routing.sorting(tx, vault, subscription)
    if sorting.rule is None:
        return sorting.generation.addressee()
    try:
        return sorting.addressee(vault.open(tx, found.body, table="message", row=message_id))
    except MessageInvalid:  # it names more patients than a message of today may
        return sorting.generation.addressee()
