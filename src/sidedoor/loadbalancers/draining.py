"""What becomes of the records of deregistered targets, when their delay is over.

Rule 1: nothing depends on when a record goes: from the end of the delay on it is shown to nobody (``Target.is_drained``).
Rule 2: a record outlives its delay by a while, since the data plane ends flows by it, and may be down just then.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sidedoor.loadbalancers.model import Target, TargetGroup
from sidedoor.store.tables import Tables

KEPT = timedelta(minutes=10)
"""How long a drained target's record is kept for the agent: about as long as a host takes to come back."""

MOST_AT_ONCE = 10_000


def long_drained(tables: Tables, now: datetime) -> list[Target]:
    """The targets whose records nobody needs any more."""
    found = tables.targets.until("draining_since", now - KEPT, MOST_AT_ONCE)
    groups = {one.id: one for one in tables.target_groups.where(id={target.target_group_id for target in found})}
    return [one for one in found if one.is_drained(groups[one.target_group_id], now - KEPT)]


def forget_drained(tables: Tables, group: TargetGroup, now: datetime) -> None:
    """Removes a group's drained targets: so that none comes back when the group's delay becomes another."""
    forget(tables, [one for one in tables.targets.where(target_group_id=group.id) if one.is_drained(group, now)])


def forget(tables: Tables, targets: Iterable[Target]) -> None:
    """Removes targets with what was found of them."""
    targets = list(targets)
    tables.target_health.remove_all(tables.target_health.where(id=[one.id for one in targets]))
    tables.targets.remove_all(targets)
