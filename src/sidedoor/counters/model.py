"""What is counted of the data plane, and the words in which the agent tells it. Pure.

Rule: what is told says whose it is. By the time that a number arrives the records that it speaks of may be gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from operator import add, attrgetter, sub


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted of a door. ``opened`` and ``closed``: connections that clients made to it, and that are over.

    ``established``: that reached a target. ``dropped``: turned away at the door. ``bytes``: of clients' data, both ways.
    ``client_resets``, ``target_resets``: ended by a reset from there; a target that refuses is one that resets.
    ``port_errors``: the node had no port left for the target. ``given_up``: that the load balancer ended for another reason.
    """

    opened: int = 0
    closed: int = 0
    established: int = 0
    dropped: int = 0
    bytes: int = 0
    client_resets: int = 0
    target_resets: int = 0
    port_errors: int = 0
    given_up: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*map(add, _numbers(self), _numbers(other)))

    def since(self, before: Counts) -> Counts:
        """What came to it. Counters of one door begin anew together: where one fell, all did."""
        growth = tuple(map(sub, _numbers(self), _numbers(before)))
        return self if min(growth) < 0 else Counts(*growth)

    @property
    def open(self) -> int:
        """How many connections there are."""
        return max(0, self.opened - self.closed)


_numbers: Callable[[Counts], tuple[int, ...]] = attrgetter(*(one.name for one in fields(Counts)))

NONE = Counts()


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """Whose numbers a door's are: the endpoint's interface and port, and the load balancer behind it."""

    door: str
    account: str
    region: str
    endpoint_id: str
    vpc_id: str
    subnet_id: str
    zone_id: str
    service_id: str
    service_name: str
    service_account: str
    balancer_id: str
    balancer_account: str


class Kind(StrEnum):
    """Of what there are some at a time."""

    ENDPOINTS = "endpoints"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, kw_only=True, slots=True)
class Population:
    """Endpoints of a service (``id``), or targets of a group that a load balancer (``id``) finds healthy or not.

    ``zone_id``: as the node in that zone finds them; None: as they are reported to people.
    """

    kind: Kind
    account: str
    region: str
    id: str
    group_id: str | None = None
    zone_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """What was counted of a passage, and how many of its connections were open at each beat."""

    passage: Passage
    counts: Counts
    open: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Inhabitants:
    """How many of a population there were at each beat."""

    population: Population
    numbers: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Minute:
    """A minute, which began ``number`` minutes after the epoch, with what was counted in it."""

    number: int
    flows: tuple[Flow, ...] = ()
    inhabitants: tuple[Inhabitants, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What is now. A flow's counts are here all that was ever counted of its passage, and it was sampled once."""

    flows: tuple[Flow, ...] = ()
    inhabitants: tuple[Inhabitants, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What an agent tells. ``source``: its name, as lasting as its counts. ``at``: seconds since the epoch.

    It tells a minute until it has been heard, and what it tells of a minute later takes the place of what it told before.
    """

    source: str
    at: float
    standing: Standing
    minutes: tuple[Minute, ...]
