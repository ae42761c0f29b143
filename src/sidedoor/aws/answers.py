"""Answers that are given again as long as nothing was written.

Whoever waits for something asks the same question over and over: waiters, Terraform, a loop around ``describe_vpc_endpoints``.
Until somebody commits something, the answer is the same to the letter.

Rule 1: the version is read before the answer is made, so that what is kept is never older than what it is kept for.
Rule 2: any commit makes everything forgotten; nobody has to know which answers it concerns.
Rule 3: only the event loop comes here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sidedoor.aws.door import Door, Opened, Reply
from sidedoor.aws.models import DocumentProtocol
from sidedoor.identity.model import Caller

MOST = 2000
LARGEST = 16 * 1024
"""Bytes of an answer that is kept."""


@dataclass(frozen=True, slots=True)
class Question:
    """All that an answer depends on besides what is stored. ``asked``: query and body as they came;
    ``document``: the protocol of a body that is a document."""

    service: str
    operation: str
    region: str
    caller: Caller
    asked: tuple[str, bytes]
    document: DocumentProtocol | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    request_id: bytes
    content: bytes


class Answers:
    """``version``: a number that changes with every commit, whoever makes it."""

    def __init__(self, version: Callable[[], int]) -> None:
        self._version = version
        self._at: int | None = None
        self._kept: dict[Question, _Kept] = {}

    def reply(self, door: Door, opened: Opened, question: Question) -> Reply:
        """The reply to a call whose answer depends on what is stored alone: not on the time, nor on chance."""
        version = self._version()
        if version != self._at or len(self._kept) >= MOST:
            self._kept, self._at = {}, version
        kept = self._kept.get(question)
        request_id = opened.request_id.encode()
        if kept is not None:
            return door.repeat(opened, kept.content.replace(kept.request_id, request_id))
        reply = door.answer(opened)
        if reply.status == 200 and len(reply.content) <= LARGEST:
            self._kept[question] = _Kept(request_id, reply.content)
        return reply
