"""What carries messages to subscribers, with the servers that the settings name."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_network

from sidedoor.notifications.carriers.dead import DeadLetters
from sidedoor.notifications.carriers.http import HttpCarrier
from sidedoor.notifications.carriers.mail import MaildirCarrier, MailWriter, SmtpCarrier, SmtpServer
from sidedoor.notifications.carriers.outbound import Reach
from sidedoor.notifications.carriers.queue import QueueCarrier, Queues
from sidedoor.notifications.carriers.signing import Signer
from sidedoor.postman import Postman
from sidedoor.settings import Settings, SettingsError
from sidedoor.store.engine import Store
from sidedoor.store.schema import Setting

SIGNING_KEY = "sns_signing_key"


def signer(store: Store, now: datetime) -> Signer:
    """The key that messages are signed with: made once for a database, so that all control planes over it have the same."""
    with store.read() as tables:
        found = tables.settings.find(SIGNING_KEY)
    if found is None:
        new = Signer.new(now)  # takes a while: not while others wait for their turn to write
        with store.write() as tables:
            found = tables.settings.find(SIGNING_KEY) or tables.settings.add(Setting(id=SIGNING_KEY, value=_dumped(new)))
    kept = json.loads(found.value)
    return Signer(kept["key"].encode(), kept["certificate"].encode())


def _dumped(signer: Signer) -> str:
    return json.dumps({"key": signer.key.decode(), "certificate": signer.certificate.decode()})


def postman(store: Store, settings: Settings, signer: Signer, base: str, clock: Callable[[], datetime]) -> Postman:
    """``base``: our URL from outside. Raises ``SettingsError``."""
    http, queues = HttpCarrier(signer, _reach(settings)), Queues(settings.sqs)
    writer = MailWriter(settings.mail_from, signer)
    server = _smtp(settings)
    mail = SmtpCarrier(server, writer) if server else MaildirCarrier(settings.mail, writer)
    return Postman(
        store,
        carriers={"http": http, "https": http, "email": mail, "email-json": mail, "sqs": QueueCarrier(queues, signer)},
        dead=DeadLetters(queues, settings.dead_letters),
        base=base,
        clock=clock,
        entropy=os.urandom,
    )


def _smtp(settings: Settings) -> SmtpServer | None:
    try:
        return SmtpServer.parse(settings.smtp) if settings.smtp else None
    except ValueError as error:
        raise SettingsError(f"--smtp: {error}") from None


def _reach(settings: Settings) -> Reach:
    try:
        return Reach(tuple(ip_network(block) for block in settings.deliver_to))
    except ValueError as error:
        raise SettingsError(f"--deliver-to: {error}: give a block of addresses, for example 127.0.0.0/8.") from None
