"""A mail with notices in it, and its way to the mail server over a connection that the egress policy allows."""

import asyncio
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

import aiosmtplib

from waypost.clock import moment
from waypost.egress import tls
from waypost.egress.client import Client, Unreached
from waypost.notifications import notice as notices
from waypost.notifications.model import Security, Smtp
from waypost.notifications.notice import Notice

COMMAND_SECONDS = 10
SECONDS = 30


async def send(
    client: Client, smtp: Smtp, password: str | None, told: Sequence[Notice], now_ms: int
) -> str | None:
    """Send one mail with these notices; None when the server took it, else why not, in our words."""
    opened = await client.dial(smtp.host, smtp.port, timeout_seconds=COMMAND_SECONDS)
    if isinstance(opened, Unreached):
        return opened.reason
    try:
        session = _session(smtp, password, opened)
    except BaseException:
        opened.close()  # from here on it is the session's
        raise
    try:
        async with asyncio.timeout(SECONDS), session:
            await session.send_message(composed(smtp, told, now_ms))
    except (aiosmtplib.SMTPException, OSError) as error:
        return _reason(error)
    return None


def composed(smtp: Smtp, told: Sequence[Notice], now_ms: int) -> EmailMessage:
    """The mail. Its id is that of its first notice, so that a second copy can be told from a second notice."""
    mail = EmailMessage()
    mail["Subject"] = notices.subject(told)
    mail["From"] = smtp.sender
    mail["To"] = ", ".join(smtp.to)
    mail["Date"] = format_datetime(moment(now_ms))
    mail["Message-ID"] = f"<{told[0].id}@{smtp.sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n\n\n".join(notices.paragraph(each) for each in told) + "\n")
    return mail


def _session(smtp: Smtp, password: str | None, opened: Any) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(
        hostname=smtp.host,
        sock=opened,
        timeout=COMMAND_SECONDS,
        use_tls=smtp.security is Security.tls,
        start_tls=smtp.security is Security.starttls,
        tls_context=tls.context(authorities=smtp.ca_certificate, http=False),
        username=smtp.username,
        password=password,
        local_hostname=_literal(opened.getsockname()[0]),
    )


def _literal(address: str) -> str:
    """How a client without a public name greets (RFC 5321, 4.1.3)."""
    address = address.partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _reason(error: Exception) -> str:
    """What went wrong; what the server said is not repeated, its code is."""
    secure = _secure_layer(error)
    if secure is not None:
        return f"No TLS connection with the mail server: {tls.words(secure)}."
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return f"The mail server refused user name and password ({error.code})."
        case aiosmtplib.SMTPRecipientsRefused():
            return f"The mail server refused every recipient ({error.recipients[0].code})."
        case aiosmtplib.SMTPSenderRefused():
            return f"The mail server refused the sender ({error.code})."
        case aiosmtplib.SMTPResponseException():
            return f"The mail server answered {error.code}."
        case aiosmtplib.SMTPNotSupported():
            return "The mail server does not offer what is asked of it: STARTTLS, or a way to log in."
        case TimeoutError():
            return "The mail server did not answer in time."
        case aiosmtplib.SMTPServerDisconnected() | OSError():
            return "The mail server closed the connection."
    return "The mail server does not offer what is asked of it: STARTTLS, or a way to log in."


def _secure_layer(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__
    return None
