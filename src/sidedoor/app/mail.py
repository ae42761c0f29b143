"""Mails that no SMTP server took: where ``serve`` left them, for the operator to read."""

from __future__ import annotations

from typing import Any

from sidedoor.notifications.mailbox import stored
from sidedoor.settings import Settings, SettingsError


def listed(settings: Settings) -> list[dict[str, Any]]:
    """The mails, oldest first, each with the number by which ``shown`` knows it."""
    return [
        {"Number": number, "Date": str(one.mail["Date"]), "To": str(one.mail["To"]), "Subject": str(one.mail["Subject"])}
        for number, one in enumerate(stored(settings.mail), 1)
    ]


def shown(settings: Settings, number: int) -> str:
    """A mail's headers and text. Raises ``SettingsError`` where there is none of this number."""
    mails = stored(settings.mail)
    if not 1 <= number <= len(mails):
        raise SettingsError(f"There is no mail {number}: `sidedoor mail` lists them.")
    one = mails[number - 1]
    headers = "\n".join(f"{name}: {one.mail[name]}" for name in ("Date", "From", "To", "Subject"))
    return f"{headers}\n\n{one.text}"
