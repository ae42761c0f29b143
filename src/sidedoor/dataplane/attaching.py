"""Keeps what is attached attached: compares what ``sidedoor attach`` wrote down with what stands, and mends the difference.

Rule 1: nothing is remembered that can be read back. Restart, a namespace that came anew and drift take one way.
Rule 2: what cannot stand now is tried again, says why, and holds nobody else back: neither another attachment nor a network.
Rule 3: an interface is in one place at a time. Its own namespace goes before it is attached, and comes back afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection, Hashable
from dataclasses import dataclass
from typing import Protocol

from sidedoor.dataplane import whereabouts
from sidedoor.dataplane.attachment_files import AttachmentFiles, Status
from sidedoor.dataplane.attachments import AttachError, Attachment, Joint, Kind, NotYet, joint, rivals
from sidedoor.dataplane.driver import DriverError
from sidedoor.dataplane.ground import Ground
from sidedoor.dataplane.wanted import Unit, UnitKind
from sidedoor.dataplane.whereabouts import Site

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""How often what stands is looked at: whether each port is as it was, and each namespace the same."""

COMPARE_SECONDS = 30.0
"""How often all of it is compared though it looks as it did."""

_FORESEEN = (AttachError, DriverError, OSError)


class Joins(Protocol):
    """What a placement does with joints (``netns.joints.Joiner``)."""

    def standing(self) -> set[str]: ...

    def signatures(self, owners: Collection[str]) -> dict[str, Hashable]: ...

    def settle(self, joint: Joint, site: Site | None) -> str: ...

    def release(self, owner: str) -> None: ...


@dataclass(frozen=True, slots=True)
class _Settled:
    """What was settled, and how it looked then."""

    joint: Joint
    site: Site | None
    signature: Hashable
    hint: str
    at: float


class Attaching:
    """The attachments of one host. ``joins``: None where nothing can be attached, and then ``refusal`` says why."""

    def __init__(self, files: AttachmentFiles, joins: Joins | None, refusal: str, ground: Ground) -> None:
        self._files = files
        self._joins = joins
        self._ground = ground
        self._refusal = refusal
        self._attachments: dict[str, Attachment] = {}
        self._rivals: dict[str, str] = {}
        self._stamp: int | None = None
        self._settled: dict[str, _Settled] = {}
        self._sites: dict[str, Site] = {}
        self._said: dict[str, Status] | None = None
        self._swept = float("-inf")

    def load(self) -> None:
        """Takes up what is attached, so that no namespace of its own is made for an interface that stands elsewhere."""
        self._stamp = self._files.stamp()
        self._attachments = self._files.load()
        self._rivals = rivals(self._attachments)
        self._sites.clear()
        self._swept = float("-inf")
        if self._joins is not None:
            self._claim(self._ground.wanted.attached | self._attachments.keys())

    async def run(self) -> None:
        said = ""
        while True:
            text = ""
            try:
                await self._round()
            except _FORESEEN as error:
                text = _sentence(error)
            except Exception as error:
                log.debug("a round of attaching failed", exc_info=True, extra={"action": "attach.failed"})
                text = f"{type(error).__name__}: {error}"
            if text != said and text:
                log.warning("what is attached cannot be looked after: %s", text, extra={"action": "attach.failed"})
            said = text
            await asyncio.sleep(LOOK_SECONDS)

    async def _round(self) -> None:
        if self._files.stamp() != self._stamp:
            self.load()
        if self._joins is None:
            self._say({name: Status(attachment=one, reason=self._refusal) for name, one in self._attachments.items()})
            return
        now = asyncio.get_running_loop().time()
        if now - self._swept >= COMPARE_SECONDS:
            await self._sweep(self._joins)
            self._swept = now
        seen = {}
        if self._attachments:
            signatures = await self._signatures(self._joins, self._attachments)
            for name, one in self._attachments.items():
                seen[name] = await self._look(self._joins, one, signatures.get(name), now)
        self._say(seen)

    async def _signatures(self, joins: Joins, owners: Collection[str]) -> dict[str, Hashable]:
        with contextlib.suppress(NotYet):  # Nothing stands before the fabric does.
            return await asyncio.to_thread(joins.signatures, owners)
        return {}

    async def _sweep(self, joins: Joins) -> None:
        """Takes away what is attached no more, and gives interfaces back to namespaces of their own."""
        standing: set[str] = set()
        with contextlib.suppress(NotYet):
            standing = await asyncio.to_thread(joins.standing)
        stuck = set()
        for owner in sorted(standing - self._attachments.keys()):
            try:
                await asyncio.to_thread(joins.release, owner)
                log.info("%s is detached", owner, extra={"action": "attach.detached", "owner": owner})
            except OSError as error:
                stuck.add(owner)
                text = "%s cannot be detached and is tried again: %s"
                log.warning(text, owner, error, extra={"action": "attach.stuck", "owner": owner})
        self._claim(frozenset(self._attachments.keys() | stuck))

    def _claim(self, attached: frozenset[str]) -> None:
        """Has the networks of what is attached, or was until now, compared with what they should be."""
        wanted = self._ground.wanted
        changed, wanted.attached = wanted.attached ^ attached, attached
        self._look_at_networks(changed)

    def _look_at_networks(self, owners: Collection[str]) -> None:
        wanted = self._ground.wanted
        places = [wanted.interfaces.get(one) or wanted.subnets.get(one) for one in owners]
        units = {Unit(UnitKind.NETWORK, one.vpc_id) for one in places if one is not None}
        if units:
            self._ground.look(units)

    async def _look(self, joins: Joins, attachment: Attachment, signature: Hashable, now: float) -> Status:
        """Settles an attachment, unless it looks as it did when that was done last."""
        name = attachment.id
        try:
            if name in self._rivals:
                raise AttachError(f"{attachment.place} is attached to {self._rivals[name]}: `sidedoor detach` one of the two.")
            wanted = joint(self._ground.wanted, attachment)
            site = await self._site(attachment)
            last = self._settled.get(name)
            if (
                last is None
                or (wanted, site, signature) != (last.joint, last.site, last.signature)
                or now - last.at >= COMPARE_SECONDS
            ):
                self._settled.pop(name, None)
                hint = await asyncio.to_thread(joins.settle, wanted, site)
                signatures = await self._signatures(joins, [name])
                last = self._settled[name] = _Settled(wanted, site, signatures.get(name), hint, now)
        except _FORESEEN as error:
            if isinstance(error, NotYet):
                self._look_at_networks([attachment.id])
            elif isinstance(error, AttachError) and signature is not None and self._ground.fresh:
                await self._let_go(joins, name)
            return Status(attachment=attachment, reason=_sentence(error))
        return Status(attachment=attachment, hint=last.hint)

    async def _let_go(self, joins: Joins, name: str) -> None:
        """Takes away the joint of what cannot stand any more: the interface was deleted, the namespace has gone."""
        self._settled.pop(name, None)
        with contextlib.suppress(*_FORESEEN):
            await asyncio.to_thread(joins.release, name)

    async def _site(self, attachment: Attachment) -> Site | None:
        """The namespace as it is now. A container's engine is asked again only when the process that it named has ended."""
        if attachment.kind is not Kind.NETNS:
            return None
        known = self._sites.get(attachment.id)
        if known is None or not known.lives:
            self._sites.pop(attachment.id, None)
            known = self._sites[attachment.id] = await asyncio.to_thread(whereabouts.find, attachment.place)
        return known

    def _say(self, seen: dict[str, Status]) -> None:
        """Writes down how all of it is, and logs what became otherwise."""
        if seen == self._said:
            return
        before = self._said or {}
        for name, status in seen.items():
            if status == before.get(name):
                continue
            if status.reason:
                text, extra = "%s waits and is tried again: %s", {"action": "attach.waiting", "owner": name}
                log.warning(text, status.attachment, status.reason, extra=extra)
            else:
                log.info(
                    "%s is attached. %s", status.attachment, status.hint, extra={"action": "attach.attached", "owner": name}
                )
        self._files.say(seen)
        self._said = seen


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError):
        return f"The kernel refuses it: {error.strerror or error}."
    return str(error)
