"""Mails that no SMTP server took: where ``serve`` left them, for the operator to read."""

from __future__ import annotations

import mailbox
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime
from typing import Any

from sidedoor.settings import Settings, SettingsError


def listed(settings: Settings) -> list[dict[str, Any]]:
    """The mails, oldest first, each with the number by which ``shown`` knows it."""
    return [
        {"Number": number, "Date": str(mail["Date"]), "To": str(mail["To"]), "Subject": str(mail["Subject"])}
        for number, mail in enumerate(_mails(settings), 1)
    ]


def shown(settings: Settings, number: int) -> str:
    """A mail's headers and text. Raises ``SettingsError`` where there is none of this number."""
    mails = _mails(settings)
    if not 1 <= number <= len(mails):
        raise SettingsError(f"There is no mail {number}: `sidedoor mail` lists them.")
    mail = mails[number - 1]
    headers = "\n".join(f"{name}: {mail[name]}" for name in ("Date", "From", "To", "Subject"))
    return f"{headers}\n\n{mail.get_content()}"


def _mails(settings: Settings) -> list[EmailMessage]:
    if not settings.mail.exists():
        return []
    box = mailbox.Maildir(settings.mail, create=False)
    mails = [message_from_bytes(box.get_bytes(key), policy=default) for key in box.keys()]  # noqa: SIM118 - not a mapping
    return sorted((one for one in mails if isinstance(one, EmailMessage)), key=_age)


def _age(mail: EmailMessage) -> tuple[float, str]:
    return parsedate_to_datetime(str(mail["Date"])).timestamp(), str(mail["Message-ID"])
