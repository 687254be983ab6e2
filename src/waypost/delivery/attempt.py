"""One attempt, top to bottom: make the request, authorize it, send it, and say what came of it."""

from waypost.clock import Clock
from waypost.credentials.authorization import Authorized, Authorizer, NotAuthorized
from waypost.credentials.strategy import Outgoing
from waypost.delivery import request
from waypost.delivery.model import Failed, Outcome
from waypost.delivery.request import Opened
from waypost.delivery.target import Target
from waypost.egress.client import Answer, Client, Unreached


class Deliverer:
    """Sends one message to one destination. Expected failures come back as `Failed`."""

    def __init__(self, client: Client, authorizer: Authorizer, clock: Clock, *, application_name: str) -> None:
        self._client = client
        self._authorizer = authorizer
        self._clock = clock
        self._application_name = application_name

    async def attempt(self, target: Target, message: Opened, attempt_id: str) -> Outcome:
        """Make one attempt. A 401 under a credential drops its token and is tried once more with a new one."""
        if target.destination.is_cloud:
            return Failed("Delivery to Azure for Databricks is not built yet: the queue holds until it is.")
        if target.destination.endpoint is None:
            return Failed("The destination has no endpoint yet.")
        body = request.body(target, message, attempt_id)
        headers = request.headers(target, message, self._application_name)
        headers |= request.signature(target, message, body, self._clock.now_ms())
        outgoing = Outgoing("POST", target.destination.endpoint, headers, body)
        authorized = await self._authorize(target, outgoing)
        if isinstance(authorized, Failed):
            return authorized
        answer = await self._send(target, outgoing, authorized)
        if isinstance(answer, Answer) and answer.status == 401 and target.credential is not None:
            self._authorizer.forget(target.credential.id, authorized)
            authorized = await self._authorize(target, outgoing)
            if isinstance(authorized, Failed):
                return authorized
            answer = await self._send(target, outgoing, authorized)
        return request.outcome(target, answer, self._clock.now_ms())

    async def _authorize(self, target: Target, outgoing: Outgoing) -> Authorized | Failed:
        if target.credential is None:
            return Authorized({})
        found = await self._authorizer.authorize(
            target.credential,
            target.credential_secrets,
            https_only=not target.destination.is_development,
            request=outgoing,
            egress=target.destination.egress,
        )
        return Failed(f"No authorization: {found.reason}.") if isinstance(found, NotAuthorized) else found

    async def _send(self, target: Target, outgoing: Outgoing, authorized: Authorized) -> Answer | Unreached:
        """Send it; what the credential says of a header wins, but for the signature's."""
        return await self._client.within(target.destination.egress).send(
            outgoing.method,
            authorized.url(outgoing.url),
            headers=request.merged(outgoing.headers, authorized.headers),
            body=outgoing.body,
            timeout_seconds=target.destination.timeout_seconds,
            https_only=not target.destination.is_development,
            tls=target.tls,
        )
