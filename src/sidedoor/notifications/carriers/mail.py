"""Carries letters by e-mail: through an SMTP server, or where none is named into a maildir that the operator can read."""

from __future__ import annotations

import asyncio
import mailbox
import ssl
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiosmtplib

from sidedoor.notifications import texts
from sidedoor.notifications.carriers.carrier import Undeliverable
from sidedoor.notifications.carriers.signing import Signer
from sidedoor.notifications.letter import Letter
from sidedoor.notifications.mailbox import TOPIC
from sidedoor.notifications.model import MessageKind

SENDER_NAME = "AWS Notifications"
SUBJECT = "AWS Notification Message"
"""What SNS calls itself, and a mail whose message has no subject."""

_PORTS = {"smtp": 25, "smtps": 465}
_REFUSED_FOR_GOOD = 500


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """``tls``: from the first byte. Otherwise STARTTLS is used where the server offers it."""

    host: str
    port: int
    tls: bool = False
    user: str | None = None
    password: str | None = None

    @classmethod
    def parse(cls, url: str) -> SmtpServer:
        """``smtp://host``, ``smtp://user:password@host:587``, ``smtps://host``. Raises ``ValueError``."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(f"{url} is no SMTP server: give smtp://host:port or smtps://user:password@host.")
        user, password = (unquote(one) if one else None for one in (parts.username, parts.password))
        port = parts.port or _PORTS[parts.scheme]
        return cls(host=parts.hostname, port=port, tls=parts.scheme == "smtps", user=user, password=password)


class SmtpCarrier:
    def __init__(self, server: SmtpServer, writer: MailWriter, trusted: ssl.SSLContext | None = None) -> None:
        self._server, self._writer, self._trusted = server, writer, trusted

    async def carry(self, letter: Letter) -> None:
        server = self._server
        try:
            await aiosmtplib.send(
                self._writer.mail(letter), hostname=server.host, port=server.port, username=server.user,
                password=server.password, use_tls=server.tls, tls_context=self._trusted, timeout=10,
            )  # fmt: skip
        except aiosmtplib.SMTPRecipientsRefused as error:
            said = error.recipients[0]
            raise Undeliverable(f"{said.code} {said.message}", final=said.code >= _REFUSED_FOR_GOOD) from None
        except aiosmtplib.SMTPResponseException as error:
            raise Undeliverable(f"{error.code} {error.message}", final=error.code >= _REFUSED_FOR_GOOD) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Undeliverable(f"{server.host}:{server.port} {error}") from None

    async def close(self) -> None:
        pass


class MaildirCarrier:
    """``directory``: is made when the first mail comes."""

    def __init__(self, directory: Path, writer: MailWriter) -> None:
        self._directory, self._writer = directory, writer

    async def carry(self, letter: Letter) -> None:
        try:
            await asyncio.to_thread(self._add, self._writer.mail(letter))
        except OSError as error:
            raise Undeliverable(f"{self._directory} cannot be written to: {error.strerror}") from None

    def _add(self, mail: EmailMessage) -> None:
        self._directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mailbox.Maildir(self._directory).add(mail)

    async def close(self) -> None:
        pass


class MailWriter:
    """Writes the mail of a letter. ``sender``: the address that it comes from."""

    def __init__(self, sender: str, signer: Signer) -> None:
        self._sender, self._signer = sender, signer

    def mail(self, letter: Letter) -> EmailMessage:
        """Text for people, or for ``email-json`` the signed document. The same letter makes the same ``Message-ID``."""
        message, delivery = letter.message, letter.delivery
        mail = EmailMessage(policy=SMTP)
        name = letter.topic.attributes.get("DisplayName") if letter.topic else None
        mail["From"] = Address(display_name=name or SENDER_NAME, addr_spec=self._sender)
        mail["To"] = delivery.endpoint
        mail["Subject"] = _subject(letter)
        mail["Date"] = format_datetime(message.created)
        mail["Message-ID"] = f"<{message.id}.{delivery.id}@sns.sidedoor>"
        mail["Auto-Submitted"] = "auto-generated"
        mail[TOPIC] = message.topic_arn
        if message.kind is MessageKind.NOTIFICATION:
            mail["List-Unsubscribe"] = f"<{letter.unsubscribe_url}>"
        mail.set_content(self._content(letter))
        return mail

    def _content(self, letter: Letter) -> str:
        if letter.delivery.protocol == "email-json":
            return self._signer.dumped(letter)
        match letter.message.kind:
            case MessageKind.NOTIFICATION:
                return texts.text("notification", text=letter.text, url=letter.unsubscribe_url)
            case MessageKind.SUBSCRIPTION_CONFIRMATION:
                return texts.text("confirm", topic=letter.message.topic_arn, url=letter.subscribe_url)
            case MessageKind.UNSUBSCRIBE_CONFIRMATION:
                return texts.text("goodbye", topic=letter.message.topic_arn, url=letter.subscribe_url)


def _subject(letter: Letter) -> str:
    match letter.message.kind:
        case MessageKind.NOTIFICATION:
            return letter.message.subject or SUBJECT
        case MessageKind.SUBSCRIPTION_CONFIRMATION:
            return "AWS Notification - Subscription Confirmation"
        case MessageKind.UNSUBSCRIBE_CONFIRMATION:
            return "AWS Notification - Unsubscribe Confirmation"
