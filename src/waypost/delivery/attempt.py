"""One attempt, top to bottom: make the request, send it under the credential, and say what came of it."""

from waypost.clock import Clock
from waypost.credentials.sending import Sender
from waypost.delivery import request
from waypost.delivery.model import Failed, Outcome
from waypost.delivery.request import Opened
from waypost.delivery.target import Target
from waypost.destinations import ports
from waypost.destinations.kinds.kind import There
from waypost.settings import Settings


class Deliverer:
    """Sends one message to one destination. Expected failures come back as `Failed`."""

    def __init__(self, sender: Sender, clock: Clock, operator: Settings) -> None:
        self._sender = sender
        self._clock = clock
        self._operator = operator

    async def attempt(self, target: Target, message: Opened, attempt_id: str) -> Outcome:
        """Make one attempt. Something in the message's place is asked about: it may be this message."""
        port = ports.port(target.destination, target.secrets.token, self._operator)
        if isinstance(port, str):
            return Failed(port)
        item, under = request.item(target, message, attempt_id), target.under
        signed = request.signed(target, message, port.put(item), self._clock.now_ms())
        answer = await self._sender.send(signed, under)
        if isinstance(answer, str):
            return Failed(answer)
        verdict = port.judge(item, answer)
        while isinstance(verdict, There):
            answer = await self._sender.send(verdict.ask, under)
            if isinstance(answer, str):
                return Failed(answer)
            verdict = verdict.judge(answer)
        return request.outcome(verdict, answer, self._clock.now_ms())
