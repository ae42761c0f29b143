"""Mails that no SMTP server takes: a maildir, which ``carriers.mail`` fills, and the command line and the console read."""

from __future__ import annotations

import mailbox
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
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
    mails = [(key, message_from_bytes(box.get_bytes(key), policy=default)) for key in box.keys()]  # noqa: SIM118 - not a mapping
    return sorted((Stored(key, one) for key, one in mails if isinstance(one, EmailMessage)), key=_age)


def _age(one: Stored) -> tuple[float, str]:
    return parsedate_to_datetime(str(one.mail["Date"])).timestamp(), str(one.mail["Message-ID"])
