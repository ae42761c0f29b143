"""Finds a load balancer, target group or listener of the caller by its ARN, or raises the error that ELBv2 has for its absence.

An ARN of another account or region is not valid here, as on AWS; see ``naming.is_arn``.
"""

from __future__ import annotations

import re

from sidedoor import errors
from sidedoor.call import Call
from sidedoor.loadbalancers import naming
from sidedoor.loadbalancers.model import Listener, LoadBalancer, TargetGroup
from sidedoor.services.model import ServiceState


def owned_load_balancer(call: Call, arn: str) -> LoadBalancer:
    balancer = find_load_balancer(call, arn)
    if balancer is None:
        raise errors.LoadBalancerNotFound
    return balancer


def owned_target_group(call: Call, arn: str) -> TargetGroup:
    group = find_target_group(call, arn)
    if group is None:
        raise errors.TargetGroupNotFound
    return group


def owned_listener(call: Call, arn: str) -> Listener:
    listener = find_listener(call, arn)
    if listener is None:
        raise errors.ListenerNotFound
    return listener


def find_load_balancer(call: Call, arn: str) -> LoadBalancer | None:
    """The caller's load balancer, or None. Raises ``ValidationError`` where ``arn`` cannot be one."""
    _check_arn(call, arn, naming.LOAD_BALANCER, "load balancer")
    return call.tables.load_balancers.find(arn)


def find_target_group(call: Call, arn: str) -> TargetGroup | None:
    """The caller's target group, or None. Raises ``ValidationError`` where ``arn`` cannot be one."""
    _check_arn(call, arn, naming.TARGET_GROUP, "target group")
    return call.tables.target_groups.find(arn)


def find_listener(call: Call, arn: str) -> Listener | None:
    """The caller's listener, or None. Raises ``ValidationError`` where ``arn`` cannot be one."""
    _check_arn(call, arn, naming.LISTENER, "listener")
    return call.tables.listeners.find(arn)


def listener_of_rule(call: Call, rule_arn: str) -> Listener:
    """The listener of which this is the default rule. Raises ``RuleNotFound``."""
    _check_arn(call, rule_arn, naming.RULE, "listener rule")
    listener = call.tables.listeners.find(naming.listener_of_rule(rule_arn))
    if listener is None or naming.default_rule_id(listener.id) != rule_arn:
        raise errors.RuleNotFound
    return listener


def _check_arn(call: Call, arn: str, resource: re.Pattern[str], what: str) -> None:
    if not naming.is_arn(arn, resource, call.account, call.region):
        raise errors.ValidationError(f"'{arn}' is not a valid {what} ARN")


def user_of_group(call: Call, group_id: str) -> LoadBalancer | None:
    """The one load balancer whose listeners forward to this target group, or None."""
    for listener in call.tables.listeners.where(target_group_id=group_id):
        return call.tables.load_balancers.find(listener.load_balancer_id)
    return None


def is_behind_service(call: Call, balancer: LoadBalancer) -> bool:
    """Whether an endpoint service names this load balancer."""
    services = call.tables.services.where(**call.owned)
    return any(balancer.id in one.load_balancer_ids and one.state is not ServiceState.DELETED for one in services)
