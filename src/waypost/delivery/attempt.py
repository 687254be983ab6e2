"""One attempt, top to bottom: the message as its destination gets it, delivered by its kind; what came of it."""

from waypost.clock import Clock
from waypost.credentials.sending import Carrier, Sender
from waypost.delivery import answers, item
from waypost.delivery.item import Opened
from waypost.delivery.model import Failed, Outcome
from waypost.delivery.target import Target
from waypost.destinations import ports
from waypost.settings import Settings


class Deliverer:
    """Sends one message to one destination. Expected failures come back as `Failed`."""

    def __init__(self, sender: Sender, clock: Clock, settings: Settings) -> None:
        self._sender = sender
        self._clock = clock
        self._settings = settings

    async def attempt(self, target: Target, message: Opened, attempt_id: str) -> Outcome:
        """Make one attempt."""
        port = ports.port(target.destination, target.secrets, self._settings, self._clock.now_ms())
        if isinstance(port, str):
            return Failed(port)
        verdict = await port.deliver(item.of(target, message, attempt_id), Carrier(self._sender, target.under))
        return answers.outcome(verdict, self._clock.now_ms())
