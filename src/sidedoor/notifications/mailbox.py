"""Mails that no SMTP server takes: a maildir, which ``carriers.mail`` fills, and the command line and the console read."""

from __future__ import annotations

import mailbox
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from email.utils import parsedate_to_datetime
from pathlib import Path

from sidedoor.ids import Arn

TOPIC = "X-Amz-Sns-Topic-Arn"
"""The header that names a mail's topic, as SNS's requests over HTTP do."""


@dataclass(frozen=True)
class Stored:
    """A mail in the box. ``key``: its name there."""

    key: str
    mail: EmailMessage

    @property
    def account(self) -> str | None:
        """The account whose topic it is from."""
        arn = Arn.parse(str(self.mail[TOPIC]))
        return arn.account if arn else None

    @property
    def text(self) -> str:
        """What it says, with lines that end as everywhere here and not as in mail, so that a link can be cut out of one."""
        content: str = self.mail.get_content()
        return content.replace("\r\n", "\n")


def stored(directory: Path) -> list[Stored]:
    """The mails there, oldest first."""
    if not directory.exists():
        return []
    box = mailbox.Maildir(directory, create=False)
    return sorted((_read(box, key) for key in box.keys()), key=_age)  # noqa: SIM118 - not a mapping


def kept(directory: Path, key: str) -> Stored | None:
    """The mail of this name there, or None."""
    try:
        return _read(mailbox.Maildir(directory, create=False), key)
    except (KeyError, mailbox.NoSuchMailboxError):
        return None


def _read(box: mailbox.Maildir, key: str) -> Stored:
    return Stored(key, BytesParser(EmailMessage, policy=default).parsebytes(box.get_bytes(key)))


def _age(one: Stored) -> tuple[float, str]:
    return parsedate_to_datetime(str(one.mail["Date"])).timestamp(), str(one.mail["Message-ID"])
