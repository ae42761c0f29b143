"""What DescribeTargetHealth says of a target: its use by a load balancer first, then what the agent found. Pure.

Texts: ELB user guides, "Health check reason codes".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sidedoor.loadbalancers.model import ANY_ZONE, HealthReason, HealthState, LoadBalancer, Target, TargetHealth

DESCRIPTIONS: Mapping[HealthReason, str] = {
    HealthReason.REGISTRATION: "Target registration is in progress",
    HealthReason.INITIAL_CHECKS: "Initial health checks in progress",
    HealthReason.FAILED_CHECKS: "Health checks failed",
    HealthReason.MISMATCH: "Health checks failed with these codes: [{codes}]",
    HealthReason.TIMEOUT: "Request timed out",
    HealthReason.NOT_REGISTERED: "Target is not registered to the target group",
    HealthReason.NOT_IN_USE: "Target group is not configured to receive traffic from the load balancer",
    HealthReason.DEREGISTRATION: "Target deregistration is in progress",
    HealthReason.UNUSABLE: "The IP address cannot be used as a target, as it is in use by a load balancer",
    HealthReason.DISABLED: "Health checks are disabled",
    HealthReason.INVALID_STATE: "Target is in the stopped or terminated state",
}

ZONE_NOT_ENABLED = "Target is in an Availability Zone that is not enabled for the load balancer"


def shown(target: Target, balancer: LoadBalancer | None, observed: TargetHealth | None, *, is_node: bool) -> dict[str, str]:
    """The ``TargetHealth`` of a registered target.

    ``balancer``: the one that uses the target's group. ``is_node``: a load balancer's node has the target's address.
    """
    unused = _unused(target, balancer, is_node=is_node)
    if unused is not None:
        return unused
    if target.draining_since is not None:
        return _health(HealthState.DRAINING, HealthReason.DEREGISTRATION)
    if observed is None:
        return _health(HealthState.INITIAL, HealthReason.REGISTRATION)
    return _health(observed.state, observed.reason, observed.codes)


def is_used(target: Target, balancer: LoadBalancer | None, *, is_node: bool) -> bool:
    """Whether a registered target may have flows."""
    return _unused(target, balancer, is_node=is_node) is None


def _unused(target: Target, balancer: LoadBalancer | None, *, is_node: bool) -> dict[str, str] | None:
    """Why a target gets no connection whatever its health, or None."""
    if not target.running:
        return _health(HealthState.UNUSED, HealthReason.INVALID_STATE)
    if is_node:
        return _health(HealthState.UNUSED, HealthReason.UNUSABLE)
    if balancer is None:
        return _health(HealthState.UNUSED, HealthReason.NOT_IN_USE)
    if target.zone != ANY_ZONE and target.zone not in balancer.zone_ids:
        return _health(HealthState.UNUSED, HealthReason.NOT_IN_USE) | {"Description": ZONE_NOT_ENABLED}
    return None


def not_registered() -> dict[str, str]:
    """The ``TargetHealth`` of what is not registered."""
    return _health(HealthState.UNUSED, HealthReason.NOT_REGISTERED)


def _health(state: HealthState, reason: HealthReason | None, codes: Iterable[int] = ()) -> dict[str, str]:
    if reason is None:
        return {"State": state.value}
    description = DESCRIPTIONS[reason].format(codes=", ".join(map(str, codes)))
    return {"State": state.value, "Reason": reason.value, "Description": description}
