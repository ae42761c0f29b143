"""The operations on listener rules. A listener of a network load balancer has its default rule, and can have no other."""

from __future__ import annotations

from typing import Any

from sidedoor import errors
from sidedoor.call import Answer, Call, Request
from sidedoor.loadbalancers import naming, pages
from sidedoor.loadbalancers.listeners import forward_action
from sidedoor.loadbalancers.lookup import listener_of_rule, owned_listener
from sidedoor.loadbalancers.model import Listener


def describe_rules(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeRules.html

    A listener of a network load balancer has its default rule and no other.
    """
    listener_arn, rule_arns = request.get("ListenerArn"), request.get("RuleArns") or ()
    if bool(listener_arn) == bool(rule_arns):
        raise errors.ValidationError("You must specify either listener rule ARNs or a listener ARN")
    if listener_arn:
        found = [owned_listener(call, listener_arn)]
    else:
        found = call.tables.listeners.where(id={listener_of_rule(call, arn).id for arn in rule_arns})
    page, more = pages.page(call, request, found)
    return {"Rules": [_default_rule(listener) for listener in page], **more}


def create_rule(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html"""
    owned_listener(call, request["ListenerArn"])
    raise errors.OperationNotPermitted("Rules are unsupported for Network Load Balancer listeners")


def modify_rule(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyRule.html"""
    listener_of_rule(call, request["RuleArn"])
    raise errors.OperationNotPermitted(f"Default rule '{request['RuleArn']}' cannot be modified: modify its listener")


def delete_rule(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteRule.html"""
    listener_of_rule(call, request["RuleArn"])
    raise errors.OperationNotPermitted(f"Default rule '{request['RuleArn']}' cannot be deleted: delete its listener")


def set_rule_priorities(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetRulePriorities.html"""
    asked = request["RulePriorities"]
    if not asked:
        raise errors.ValidationError("At least one rule priority must be specified")
    for one in asked:
        listener_of_rule(call, str(one.get("RuleArn") or ""))
    raise errors.OperationNotPermitted(f"The priority of default rule '{asked[0]['RuleArn']}' cannot be changed")


def _default_rule(listener: Listener) -> dict[str, Any]:
    return {
        "RuleArn": naming.default_rule_id(listener.id),
        "Priority": "default",
        "Conditions": [],
        "Actions": [forward_action(listener)],
        "IsDefault": True,
    }
