"""A real SMTP server on loopback, in a thread: aiosmtpd, with STARTTLS and a login when they are asked for.

with MailServer() as server:                    # takes every mail, in the clear
    server.refuse(451)                          # answers that to every mail, until `refuse(None)`
    mail, = server.wait(1)                      # blocks; parsed, as it came in

with MailServer(tls=authority.server(), login=("user", "password")) as server:   # nothing without both
"""

import asyncio
import ssl
import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

SECONDS = 60


@dataclass(frozen=True)
class Mail:
    """What came in: the envelope, the message, and how it came."""

    sender: str
    to: tuple[str, ...]
    message: EmailMessage
    over_tls: bool
    login: str | None

    @property
    def text(self) -> str:
        return str(self.message.get_content())


class MailServer(AbstractContextManager["MailServer"]):
    """See the top of the file. `at_once` speaks TLS from the first byte instead of STARTTLS."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        at_once: bool = False,
        login: tuple[str, str] | None = None,
    ) -> None:
        self.port = 0
        self._tls = tls
        self._at_once = at_once
        self._login = login
        self._refusal: int | None = None
        self._mails: list[Mail] = []
        self._refusals = 0
        self._sessions: list[SMTP] = []
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "MailServer":
        self._thread.start()
        assert self._ready.wait(SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)

    @property
    def mails(self) -> list[Mail]:
        with self._changed:
            return list(self._mails)

    @property
    def refused(self) -> int:
        """How many mails were refused."""
        with self._changed:
            return self._refusals

    def refuse(self, code: int | None) -> None:
        """Answer every mail with that code."""
        self._refusal = code

    def wait(self, count: int) -> list[Mail]:
        """The mails so far, once there are `count`."""
        with self._changed:
            enough = self._changed.wait_for(lambda: len(self._mails) >= count, SECONDS)
            assert enough, f"{len(self._mails)} of {count} mails came within {SECONDS} s"
            return list(self._mails)

    async def handle_DATA(self, _: SMTP, session: Session, envelope: Envelope) -> str:
        with self._changed:
            if self._refusal is not None:
                self._refusals += 1
                self._changed.notify_all()
                return f"{self._refusal} the server says so, and more: secret words of its own"
            assert isinstance(envelope.content, bytes)
            given = session.auth_data
            login = given.login.decode() if isinstance(given, LoginPassword) else None
            parsed = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(parsed, EmailMessage)
            sender, to = envelope.mail_from or "", tuple(envelope.rcpt_tos)
            self._mails.append(Mail(sender, to, parsed, session.ssl is not None, login))
            self._changed.notify_all()
        return "250 taken"

    def _authenticate(self, *args: object) -> AuthResult:
        given = args[-1]
        assert isinstance(given, LoginPassword)
        known = self._login is not None and given == LoginPassword(*(each.encode() for each in self._login))
        return AuthResult(success=known, handled=False, auth_data=given)

    def _session(self) -> SMTP:
        starts = self._tls is not None and not self._at_once
        session = SMTP(
            self,
            hostname="mail.test",
            tls_context=self._tls if starts else None,
            require_starttls=starts,
            auth_required=self._login is not None,
            authenticator=self._authenticate if self._login is not None else None,
            loop=self._loop,
        )
        self._sessions.append(session)
        return session

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        at_once = self._tls if self._at_once else None
        listening = self._loop.create_server(self._session, "127.0.0.1", 0, ssl=at_once)
        server = self._loop.run_until_complete(listening)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for session in self._sessions:
            if isinstance(session.transport, asyncio.WriteTransport):
                session.transport.abort()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))  # what was aborted closes its socket now
        self._loop.close()
