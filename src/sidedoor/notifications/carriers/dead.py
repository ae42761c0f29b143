"""Where letters go that could not be delivered: to the queue of the subscription's redrive policy, or else to disk."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sidedoor import whole_file
from sidedoor.notifications import documents
from sidedoor.notifications.carriers.carrier import Undeliverable
from sidedoor.notifications.carriers.queue import Queues
from sidedoor.notifications.letter import Letter
from sidedoor.notifications.subscription_attributes import REDRIVE


class DeadLetters:
    """``directory``: of the letters on disk, one JSON file each; its name is the delivery's, so that none is there twice."""

    def __init__(self, queues: Queues, directory: Path) -> None:
        self._queues, self._directory = queues, directory

    async def carry(self, letter: Letter) -> None:
        redrive = letter.subscription.attributes.get(REDRIVE) if letter.subscription else None
        if redrive:
            target = str(documents.parsed(redrive)["deadLetterTargetArn"])
            body = letter.text if letter.raw else documents.dumped(letter.document())
            await self._queues.put(target, body, letter.message.attributes if letter.raw else ())
            return
        try:
            await asyncio.to_thread(self._write, letter)
        except OSError as error:
            raise Undeliverable(f"{self._directory} cannot be written to: {error.strerror}") from None

    def _write(self, letter: Letter) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        delivery = letter.delivery
        content = documents.dumped(
            {
                "subscription": delivery.subscription_id,
                "protocol": delivery.protocol,
                "endpoint": delivery.endpoint,
                "lastError": delivery.last_error,
                "document": letter.document(),
            }
        )
        whole_file.write(self._directory / f"{delivery.id}.json", content, durable=True)

    async def close(self) -> None:
        pass
