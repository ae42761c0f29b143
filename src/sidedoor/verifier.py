"""Proves private DNS names: looks for the records of the services that wait for it, and writes down what it found.

It stands beside the API, in the control plane's process: no operation waits for a DNS server.

Rule 1: it knows what to do from the database alone; what it remembers only keeps it from looking too often. So any number of
control planes may do this at once, and a look that was cut off is done again.
Rule 2: a verdict is written only where the service still is as it was when the look began. Whoever changed it meanwhile is
right, and the next look is about what it is then.
Rule 3: a service whose servers do not answer holds no other one back for long.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sidedoor.endpoints import private_names
from sidedoor.names.model import TXT, Unanswered
from sidedoor.services.model import DnsNameState, Service
from sidedoor.services.verification import Finding, judged, places
from sidedoor.store.engine import Store
from sidedoor.store.tables import Superseded

log = logging.getLogger(__name__)

Texts = Callable[[str], Awaitable[tuple[bytes, ...]]]
"""The texts of a name in the DNS. Raises ``Unanswered``."""

POLL_SECONDS = 0.5
"""How long a name that is new, or is to be looked at now, may stay unseen."""

AT_ONCE = 32
"""Looks that go on at one time."""

LOOK_SECONDS = 10.0
"""How long a look may take, all its questions together."""

RARER = 10
"""By how much verified names are looked at more rarely than those that wait."""


@dataclass(frozen=True, slots=True)
class Look:
    """A look that is due.

    ``own``: one of our own records is the proof, so that nobody needs to be asked. ``first``: of this wait.
    """

    service: Service
    own: bool
    first: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What the database says. ``own``: names and texts of our own records."""

    waiting: list[Service]
    verified: list[Service]
    own: frozenset[tuple[str, str]]

    def proves(self, service: Service) -> bool:
        return any((place, service.private_dns_record_value) in self.own for place in places(service))


class Verifier:
    """``texts``: None where nobody is to be asked. ``trust``: every name counts as proved. ``every``: seconds between looks.

    ``_looked``: service id -> the proof, the wait for it, and when it was last looked for.
    """

    def __init__(self, store: Store, *, texts: Texts | None, trust: bool, every: float, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._texts = texts
        self._trust = trust
        self._every = timedelta(seconds=every)
        self._clock = clock
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._busy: set[str] = set()
        self._looked: dict[str, tuple[object, datetime]] = {}
        self._round: datetime | None = None

    async def run(self) -> None:
        """Verifies for ever."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                for look in await self._begin():
                    tasks.create_task(self._perform(look))
                await asyncio.sleep(POLL_SECONDS)

    async def turn(self) -> None:
        """Does what is due now, and is done with it at the end."""
        await asyncio.gather(*(self._perform(look) for look in await self._begin()))

    async def _begin(self) -> list[Look]:
        """The looks that are due. From here on they count as busy."""
        now = self._clock()
        in_turn = self._passed(self._round, now, self._every * RARER)
        try:
            known = await asyncio.to_thread(self._read, in_turn)
        except Exception:
            log.exception("the names that wait for verification cannot be read", extra={"action": "private_dns.unreadable"})
            return []
        if in_turn:
            self._round = now
        due = [*self._due(known, now), *self._due_in_turn(known)]
        self._busy |= {look.service.id for look in due}
        return due

    def _read(self, in_turn: bool) -> Known:
        with self._store.read() as tables:
            waiting = tables.services.where(private_dns_state=DnsNameState.PENDING_VERIFICATION)
            verified = tables.services.where(private_dns_state=DnsNameState.VERIFIED) if in_turn else []
            own = tables.dns_records.where(type=TXT) if waiting or verified else []
        return Known(waiting, verified, frozenset((one.name, one.value) for one in own))

    def _due(self, known: Known, now: datetime) -> list[Look]:
        """Of the names that wait: those that are proved by us, that are new, and those that nobody looked for in a while."""
        before, due = self._looked, []
        self._looked = {one.id: before[one.id] for one in known.waiting if one.id in before}
        for service in known.waiting:
            wait, when = before.get(service.id, (None, None))
            look = Look(service, known.proves(service), first=wait != _wait(service))
            if service.id not in self._busy and (look.own or look.first or self._passed(when, now, self._every)):
                self._looked[service.id] = (_wait(service), now)
                due.append(look)
        return due

    def _due_in_turn(self, known: Known) -> list[Look]:
        return [Look(one, known.proves(one)) for one in known.verified if one.id not in self._busy]

    @staticmethod
    def _passed(before: datetime | None, now: datetime, period: timedelta) -> bool:
        """Whether a period is over. A clock that was put back ends it too."""
        return before is None or not before <= now < before + period

    async def _perform(self, look: Look) -> None:
        try:
            async with self._slots:
                finding = await self._find(look)
                written = await asyncio.to_thread(self._write, look.service, finding)
            if not written:
                self._looked.pop(look.service.id, None)
            elif look.first and finding is not Finding.FOUND:
                self._advise(look.service)
        except Exception:
            context = {"action": "private_dns.retry", "service": look.service.id}
            log.exception("%s could not be verified and is tried again", look.service.private_dns_name, extra=context)
        finally:
            self._busy.discard(look.service.id)

    def _advise(self, service: Service) -> None:
        place, value = places(service)[0], service.private_dns_record_value
        asked = "our own records" if self._texts is None else "our own records and the DNS"
        context = {"action": "private_dns.unproved", "service": service.id}
        advice = f"sidedoor dns put {place} TXT {value}"
        log.info("%s is not proved by %s yet: `%s` would do", service.private_dns_name, asked, advice, extra=context)

    # --- the look -------------------------------------------------------------------------------------------------

    async def _find(self, look: Look) -> Finding:
        if self._trust or look.own:
            return Finding.FOUND
        if self._texts is None:
            return Finding.ABSENT
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return await self._ask(self._texts, look.service)
        except TimeoutError:
            return Finding.UNKNOWN

    async def _ask(self, texts: Texts, service: Service) -> Finding:
        """Asks at one place after the other, up to the first that has the record."""
        value = (service.private_dns_record_value or "").encode()
        finding = Finding.ABSENT
        for place in places(service):
            try:
                if value in await texts(place):
                    return Finding.FOUND
            except Unanswered as error:
                finding = Finding.UNKNOWN
                context = {"action": "private_dns.unanswered", "service": service.id, "place": place}
                log.info("no answer about %s: %s", place, error, extra=context)
        return finding

    # --- the verdict ----------------------------------------------------------------------------------------------

    def _write(self, service: Service, finding: Finding) -> bool:
        """Returns whether the verdict stands: False where the service was changed since the look began."""
        after = judged(service, finding, self._clock())
        if after == service:
            return True
        try:
            with self._store.write() as tables:
                stored = tables.services.update(service, after)
                if stored.private_dns_state is DnsNameState.VERIFIED:
                    private_names.follow(tables, stored)
        except Superseded:
            context = {"action": "private_dns.late", "service": service.id}
            log.info("the verdict about %s came too late", service.private_dns_name, extra=context)
            return False
        if after.private_dns_state is not service.private_dns_state:
            self._tell(after, finding)
        return True

    def _tell(self, service: Service, finding: Finding) -> None:
        state = service.private_dns_state.value if service.private_dns_state else ""
        context = {"action": f"private_dns.{state}", "service": service.id, "finding": finding.value}
        log.info("the private DNS name %s of %s is %s", service.private_dns_name, service.id, state, extra=context)


def _wait(service: Service) -> object:
    """What a look was about: another proof, or a wait that began anew, is another look."""
    return service.private_dns_record_value, service.private_dns_pending_since
