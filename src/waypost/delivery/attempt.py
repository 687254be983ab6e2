"""One attempt, top to bottom: authorize, send, and say what came of it."""

from collections.abc import Mapping

from waypost.clock import Clock
from waypost.credentials.authorization import Authorizer, NotAuthorized
from waypost.delivery import request
from waypost.delivery.model import Failed, Outcome
from waypost.delivery.request import Opened
from waypost.delivery.target import Target
from waypost.egress.client import Answer, Client, Unreached

Authorization = Mapping[str, str] | Failed


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
        authorization = await self._authorization(target)
        if isinstance(authorization, Failed):
            return authorization
        answer = await self._send(target, message, attempt_id, authorization)
        if isinstance(answer, Answer) and answer.status == 401 and target.credential is not None:
            self._authorizer.forget(target.credential.id, authorization)
            authorization = await self._authorization(target)
            if isinstance(authorization, Failed):
                return authorization
            answer = await self._send(target, message, attempt_id, authorization)
        return request.outcome(target, answer, self._clock.now_ms())

    async def _authorization(self, target: Target) -> Authorization:
        if target.credential is None:
            return {}
        https_only = not target.destination.is_development
        found = await self._authorizer.authorize(
            target.credential, target.credential_secrets, https_only=https_only
        )
        return Failed(f"No authorization: {found.reason}.") if isinstance(found, NotAuthorized) else found.headers

    async def _send(
        self, target: Target, message: Opened, attempt_id: str, authorization: Mapping[str, str]
    ) -> Answer | Unreached:
        destination = target.destination
        if destination.endpoint is None:
            return Unreached("invalid_url", "The destination has no endpoint yet.", maybe_processed=False)
        return await self._client.send(
            "POST",
            destination.endpoint,
            headers=request.headers(target, message, authorization, self._application_name),
            body=request.body(target, message, attempt_id),
            timeout_seconds=destination.timeout_seconds,
            https_only=not destination.is_development,
            tls=target.tls,
        )
