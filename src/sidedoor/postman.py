"""Delivers what was published: announces events, and carries messages to their subscribers until they have them.

It stands beside the API, in the control plane's process: no operation waits for a subscriber.

Rule 1: it knows what to do from the database alone. A delivery is taken in a transaction that puts off when it is due next,
carried, and removed; who dies on the way leaves it to be taken again. So each message arrives at least once, and any number
of control planes may do this at the same time without trying the same one together.
Rule 2: in a lane the next delivery is begun when the one before it is done; what a subscriber does delays only its own.
Rule 3: a delivery that was tried as often as its schedule says goes where dead letters go, and only then is removed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sidedoor import ids
from sidedoor.notifications import outgoing, retries
from sidedoor.notifications.carriers.carrier import Carrier, Undeliverable
from sidedoor.notifications.letter import Letter
from sidedoor.notifications.model import Delivery
from sidedoor.store import outbox
from sidedoor.store.engine import Store
from sidedoor.store.schema import OutboxEvent
from sidedoor.store.tables import Tables

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
"""How long a message that another process published may stay unseen."""

TRY_SECONDS = 15.0
"""How long one try may take (SNS developer guide: an HTTP endpoint has 15 seconds)."""

LEASE_SECONDS = 60.0
"""For how long a delivery is nobody else's to try: longer than a try, with its transactions, by far."""

EVENTS_AT_ONCE = 100

AT_ONE_TIME = 256
"""Tries under way at one time."""

AT_ONE_SUBSCRIBER = 16
"""Tries under way at one time to one subscriber, each in a lane of its own."""

TROUBLED_EVENT_SECONDS = 60.0
"""How long an event waits that could not be announced for a reason of its own."""

TROUBLE_SECONDS = 1.0
"""How long to wait where the database did not let us work."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try. ``failure``: why it failed, None where it did not."""

    letter: Letter
    failure: str | None = None
    final: bool = False


class Postman:
    """``carriers``: by protocol. ``dead``: where letters go that cannot be delivered. ``base``: our URL from outside."""

    def __init__(
        self,
        store: Store,
        *,
        carriers: Mapping[str, Carrier],
        dead: Carrier,
        base: str,
        clock: Callable[[], datetime],
        entropy: ids.Entropy,
    ) -> None:
        self._store = store
        self._carriers, self._dead = carriers, dead
        self._base = base
        self._clock, self._entropy = clock, entropy
        self._woken = asyncio.Event()
        self._outcomes: list[Outcome] = []
        self._troubled: dict[str, datetime] = {}
        self._under_way: Counter[str] = Counter()

    async def run(self) -> None:
        """Delivers for ever."""
        loop = asyncio.get_running_loop()

        def wake(revision: int) -> None:
            loop.call_soon_threadsafe(self._woken.set)

        unwatch = self._store.watch(wake)
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    for letter in await self._begin():
                        tasks.create_task(self._carry(letter))
                    await self._pause()
        finally:
            unwatch()
            self._write_down_last()
            for carrier in {id(one): one for one in (*self._carriers.values(), self._dead)}.values():
                await carrier.close()

    def _write_down_last(self) -> None:
        """What came of tries that nobody wrote down yet, so that the next start does not try them again."""
        if self._outcomes:
            with self._store.write() as tables:
                self._settle(tables, self._outcomes, self._clock())

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    async def turn(self) -> int:
        """Does what is due now and is done with it at the end. Returns how many tries there were."""
        tried = 0
        while letters := await self._begin():
            await asyncio.gather(*(self._carry(letter) for letter in letters))
            tried += len(letters)
        return tried

    async def _begin(self) -> list[Letter]:
        """Writes down what came of the tries before, and takes the next ones."""
        outcomes, self._outcomes = self._outcomes, []
        try:
            letters = await asyncio.to_thread(self._round, outcomes)
        except Exception:
            log.exception("what is to be delivered cannot be read", extra={"action": "delivery.trouble"})
            self._outcomes = outcomes + self._outcomes
            await asyncio.sleep(TROUBLE_SECONDS)
            return []
        self._under_way.update(letter.delivery.subscription_id for letter in letters)
        return letters

    # --- in the database ------------------------------------------------------------------------------------------

    def _round(self, outcomes: list[Outcome]) -> list[Letter]:
        now = self._clock()
        with self._store.read() as tables:
            events = self._to_announce(tables, now)
            waits = any(self._free(one) for one in outbox.waiting(tables, now))
        if events:
            self._announce(events, now)
        if not (outcomes or events or waits):
            return []
        with self._store.write() as tables:
            self._settle(tables, outcomes, now)
            return self._take(tables, now)

    def _to_announce(self, tables: Tables, now: datetime) -> list[OutboxEvent]:
        """The oldest events of which nobody was told, but those that were in trouble just now."""
        self._troubled = {one: until for one, until in self._troubled.items() if until > now}
        found = outbox.unannounced(tables, EVENTS_AT_ONCE + len(self._troubled))
        return [event for event in found if event.id not in self._troubled]

    def _announce(self, events: list[OutboxEvent], now: datetime) -> None:
        """All in one transaction; where that breaks one by one, so that one event keeps no other back."""
        try:
            with self._store.write() as tables:
                for event in events:
                    outgoing.announce(tables, event, now=now, entropy=self._entropy, link=self._link(event))
        except Exception:
            if len(events) > 1:
                for event in events:
                    self._announce([event], now)
                return
            context = {"action": "notification.trouble", "event": events[0].id}
            log.exception("%s of %s cannot be announced now", events[0].name, events[0].endpoint_id, extra=context)
            self._troubled[events[0].id] = now + timedelta(seconds=TROUBLED_EVENT_SECONDS)

    def _free(self, subscription_id: str) -> int:
        """How many more tries may be under way to a subscriber."""
        everywhere = AT_ONE_TIME - self._under_way.total()
        return max(0, min(everywhere, AT_ONE_SUBSCRIBER - self._under_way[subscription_id]))

    def _link(self, event: OutboxEvent) -> str:
        path = f"/console/services/{event.service_id}/connections/{event.endpoint_id}"
        return f"{self._base}{path}?region={event.region}"

    def _take(self, tables: Tables, now: datetime) -> list[Letter]:
        taken: list[Delivery] = []
        room = AT_ONE_TIME - self._under_way.total()
        for subscription_id in outbox.waiting(tables, now):
            free = min(self._free(subscription_id), room - len(taken))
            if free > 0:
                taken += outbox.due(tables, subscription_id, now, free)
        return self._letters(tables, outbox.lease(tables, taken, now + timedelta(seconds=LEASE_SECONDS)), now) if taken else []

    def _letters(self, tables: Tables, deliveries: list[Delivery], now: datetime) -> list[Letter]:
        messages = {one.id: one for one in tables.messages.where(id={one.message_id for one in deliveries})}
        tables.subscriptions.where(id={one.subscription_id for one in deliveries})  # read together, to be found below
        letters = []
        for delivery in deliveries:
            message = messages.get(delivery.message_id)
            if message is None:  # Nobody removes one without the other; were it so, there is nothing to carry.
                outbox.remove_deliveries(tables, [delivery], now)
                continue
            letters.append(
                Letter(
                    delivery=delivery,
                    message=message,
                    subscription=tables.subscriptions.find(delivery.subscription_id),
                    topic=tables.topics.find(message.topic_arn),
                    base=self._base,
                )
            )
        return letters

    def _settle(self, tables: Tables, outcomes: list[Outcome], now: datetime) -> None:
        """Removes what arrived, and puts off or gives up what did not. What was removed meanwhile is done with."""
        if not outcomes:
            return
        found = {one.id: one for one in tables.deliveries.where(id=[outcome.letter.delivery.id for outcome in outcomes])}
        arrived = []
        for outcome in outcomes:
            delivery = found.get(outcome.letter.delivery.id)
            if delivery is None:
                continue
            if outcome.failure is None:
                arrived.append(delivery)
            elif delivery.version == outcome.letter.delivery.version:
                tables.deliveries.update(delivery, self._after(outcome, delivery, now))
        if arrived:
            outbox.remove_deliveries(tables, arrived, now)

    @staticmethod
    def _after(outcome: Outcome, delivery: Delivery, now: datetime) -> Delivery:
        failed = delivery.attempts + 1
        schedule = retries.schedule(delivery.protocol, outcome.letter.delivery_policy)
        wait = (retries.OF_QUEUES if delivery.dead else schedule).delay(failed)
        if delivery.dead:
            after = replace(delivery, attempts=failed, due=now + timedelta(seconds=wait or retries.OF_QUEUES.most))
        elif outcome.final or wait is None:
            after = replace(delivery, attempts=0, due=now, dead=True)
        else:
            after = replace(delivery, attempts=failed, due=now + timedelta(seconds=wait))
        return replace(after, last_error=outcome.failure)

    # --- on the way -----------------------------------------------------------------------------------------------

    async def _carry(self, letter: Letter) -> None:
        outcome = await self._try(letter)
        self._outcomes.append(outcome)
        self._under_way[letter.delivery.subscription_id] -= 1
        self._woken.set()
        if outcome.failure is not None:
            self._tell(outcome)

    async def _try(self, letter: Letter) -> Outcome:
        try:
            async with asyncio.timeout(TRY_SECONDS):
                await self._carrier(letter).carry(letter)
        except TimeoutError:
            return Outcome(letter, f"no answer within {TRY_SECONDS:g} s")
        except Undeliverable as error:
            return Outcome(letter, str(error), error.final)
        except Exception as error:
            log.exception("a carrier broke", extra={"action": "delivery.broken", "delivery": letter.delivery.id})
            return Outcome(letter, f"{type(error).__name__}: {error}")
        return Outcome(letter)

    def _carrier(self, letter: Letter) -> Carrier:
        if letter.delivery.dead:
            return self._dead
        carrier = self._carriers.get(letter.delivery.protocol)
        if carrier is None:
            raise Undeliverable(f"Sidedoor does not deliver by {letter.delivery.protocol}", final=True)
        return carrier

    def _tell(self, outcome: Outcome) -> None:
        delivery = outcome.letter.delivery
        context = {
            "action": "delivery.failed", "subscription": delivery.subscription_id, "message_id": delivery.message_id,
            "attempt": delivery.attempts + 1,
        }  # fmt: skip
        log.warning("%s to %s failed: %s", delivery.protocol, delivery.endpoint, outcome.failure, extra=context)
