"""Instances: their states, and what is known of each.

Rule 1: an instance is a workload's network interface with a name of its own; there is no virtual machine behind it. What runs
in it is whatever its user starts there, so every transition that AWS spends time on is over in the transaction that asked.
Rule 2: where an instance is (VPC, subnet, address, groups) its interface says, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum


class InstanceState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"


class Event(StrEnum):
    START_REQUESTED = "start requested"
    STOP_REQUESTED = "stop requested"
    TERMINATE_REQUESTED = "terminate requested"
    SETTLED = "settled"
    """What was under way is done."""


TRANSITIONS: Mapping[InstanceState, Mapping[Event, InstanceState]] = {
    InstanceState.PENDING: {
        Event.TERMINATE_REQUESTED: InstanceState.SHUTTING_DOWN,
        Event.SETTLED: InstanceState.RUNNING,
    },
    InstanceState.RUNNING: {
        Event.START_REQUESTED: InstanceState.RUNNING,
        Event.STOP_REQUESTED: InstanceState.STOPPING,
        Event.TERMINATE_REQUESTED: InstanceState.SHUTTING_DOWN,
        Event.SETTLED: InstanceState.RUNNING,
    },
    InstanceState.STOPPING: {
        Event.STOP_REQUESTED: InstanceState.STOPPING,
        Event.TERMINATE_REQUESTED: InstanceState.SHUTTING_DOWN,
        Event.SETTLED: InstanceState.STOPPED,
    },
    InstanceState.STOPPED: {
        Event.START_REQUESTED: InstanceState.PENDING,
        Event.STOP_REQUESTED: InstanceState.STOPPED,
        Event.TERMINATE_REQUESTED: InstanceState.SHUTTING_DOWN,
        Event.SETTLED: InstanceState.STOPPED,
    },
    InstanceState.SHUTTING_DOWN: {
        Event.TERMINATE_REQUESTED: InstanceState.SHUTTING_DOWN,
        Event.SETTLED: InstanceState.TERMINATED,
    },
    InstanceState.TERMINATED: {
        Event.TERMINATE_REQUESTED: InstanceState.TERMINATED,
        Event.SETTLED: InstanceState.TERMINATED,
    },
}
"""EC2 user guide, "Amazon EC2 instance state changes"; asking again for what is there already succeeds."""

CODES: Mapping[InstanceState, int] = {
    InstanceState.PENDING: 0,
    InstanceState.RUNNING: 16,
    InstanceState.SHUTTING_DOWN: 32,
    InstanceState.TERMINATED: 48,
    InstanceState.STOPPING: 64,
    InstanceState.STOPPED: 80,
}
"""EC2 API reference, ``InstanceState``."""

MEMORY_OF_TERMINATED = timedelta(hours=1)
"""A terminated instance "remains visible in the console for a short while" (EC2 user guide): about an hour."""


class IllegalTransition(Exception):
    """The instance's state does not allow the event."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MetadataOptions:
    """How programs would reach the metadata service: kept and shown; there is none."""

    http_endpoint: str = "enabled"
    http_tokens: str = "optional"
    hop_limit: int = 1
    http_protocol_ipv6: str = "disabled"
    instance_tags: str = "disabled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """``interface_id``: its interface, None once it is terminated. ``launched``: when it last started; ``ended``: when it
    last stopped or was terminated. ``profile_arn``, ``profile_id``: of its instance profile. ``user_data`` is base64.
    """

    id: str
    version: int = 0
    account: str
    region: str
    reservation_id: str
    launch_index: int
    state: InstanceState
    image_id: str
    instance_type: str
    interface_id: str | None
    zone_id: str
    created: datetime
    launched: datetime
    ended: datetime | None = None
    client_token: str | None = None
    key_name: str | None = None
    user_data: str | None = None
    profile_arn: str | None = None
    profile_id: str | None = None
    tenancy: str = "default"
    monitoring: bool = False
    ebs_optimized: bool = False
    disable_api_stop: bool = False
    disable_api_termination: bool = False
    shutdown_behavior: str = "stop"
    cpu_credits: str | None = None
    auto_recovery: str = "default"
    metadata: MetadataOptions = field(default_factory=MetadataOptions)
    tags: dict[str, str] = field(default_factory=dict)

    def after(self, event: Event) -> Instance:
        """The instance after the event. Raises ``IllegalTransition``."""
        try:
            return replace(self, state=TRANSITIONS[self.state][event])
        except KeyError:
            raise IllegalTransition(f"{self.id} is {self.state}: not {event}") from None

    @property
    def running(self) -> bool:
        return self.state is InstanceState.RUNNING

    def forgotten(self, now: datetime) -> bool:
        """Whether it was terminated so long ago that nobody sees it any more."""
        if self.state is not InstanceState.TERMINATED or self.ended is None:
            return False
        return now - self.ended >= MEMORY_OF_TERMINATED
