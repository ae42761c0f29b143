"""The operations on listeners of network load balancers: a port, and the one target group that it forwards to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sidedoor import errors, ids
from sidedoor.call import Answer, Call, Request
from sidedoor.identity.kept_certificates import settle_use
from sidedoor.loadbalancers import attributes, choices, naming, pages, tags, tls
from sidedoor.loadbalancers.lookup import (
    owned_listener,
    owned_load_balancer,
    owned_target_group,
    user_of_group,
)
from sidedoor.loadbalancers.model import (
    LISTENER_TO_GROUP,
    LISTENERS_PER_LOAD_BALANCER,
    Listener,
    LoadBalancer,
    TargetGroup,
)
from sidedoor.loadbalancers.tls import Tls

MOST_ORDER, MOST_WEIGHT = 50_000, 999
"""ELBv2 API reference, ``Action`` and ``TargetGroupTuple``."""


def create_listener(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html"""
    balancer = owned_load_balancer(call, request["LoadBalancerArn"])
    protocol, port = _protocol(request.get("Protocol")), _port(request.get("Port"))
    asked_tls = tls.asked(call, request, protocol)
    actions = request.get("DefaultActions") or ()
    group = owned_target_group(call, _target_group_arn(actions))
    listeners = call.tables.listeners.where(load_balancer_id=balancer.id)
    asked_tags = tags.of_new(request)
    for existing in listeners:
        if existing.port == port:
            if not _is_same(existing, protocol, group, asked_tls, asked_tags):
                raise errors.DuplicateListener(load_balancer=balancer.id)
            return _answer(call, [existing])
    if len(listeners) >= LISTENERS_PER_LOAD_BALANCER:
        raise errors.TooManyListeners(limit=LISTENERS_PER_LOAD_BALANCER)
    _check_fits(call, balancer, group, protocol)
    resource = naming.listener_resource(balancer.id, ids.hex_digits(16, call.entropy))
    listener = call.tables.listeners.add(
        Listener(
            id=call.arn(naming.SERVICE, resource), account=call.account, region=call.region, load_balancer_id=balancer.id,
            target_group_id=group.id, protocol=protocol, port=port, created=call.now, tags=asked_tags,
            **_as_written(actions), **asked_tls.fields(),
        )
    )  # fmt: skip
    settle_use(call.tables, call.account, listener.certificate_ids)
    return _answer(call, [listener])


def _protocol(protocol: str | None) -> str:
    if not protocol:
        raise errors.ValidationError("A listener protocol must be specified")
    choices.check("protocol", protocol, choices.PROTOCOLS, shown=choices.LISTENER_PROTOCOLS)
    if protocol not in LISTENER_TO_GROUP and protocol not in choices.OVER_UDP:
        raise errors.ValidationError(f"Listener protocol '{protocol}' must be one of 'UDP, TCP, TLS, TCP_UDP'")
    if protocol in choices.OVER_UDP:
        raise errors.UnsupportedProtocol(f"Listeners with the protocol {protocol} are not supported: use TCP or TLS")
    return protocol


def _port(port: int | None) -> int:
    if port is None:
        raise errors.ValidationError("A listener port must be specified")
    if not 1 <= port <= 65535:
        raise errors.ValidationError(f"Listener port '{port}' must be a number between 1 and 65535")
    return port


def _target_group_arn(actions: Sequence[Mapping[str, Any]]) -> str:
    """The target group of the one forward action, which may name it in two places."""
    if not actions:
        raise errors.ValidationError("A listener default action must be specified")
    if len(actions) > 1:
        raise errors.TooManyActions
    action = actions[0]
    if action.get("Type") != "forward":
        raise errors.InvalidLoadBalancerAction(type=action.get("Type"))
    forward = action.get("ForwardConfig") or {}
    if (forward.get("TargetGroupStickinessConfig") or {}).get("Enabled"):
        raise errors.InvalidConfigurationRequest("Target group stickiness is not supported with network load balancers")
    named = [str(group.get("TargetGroupArn") or "") for group in forward.get("TargetGroups") or ()]
    if action.get("TargetGroupArn"):
        named.append(str(action["TargetGroupArn"]))
    if not named:
        raise errors.ValidationError("A target group ARN must be specified")
    if len(set(named)) > 1:
        raise errors.ValidationError(
            "You cannot specify multiple target groups in a single action with a load balancer of type 'network'"
        )
    return named[0]


def _as_written(actions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The order and the weight that the one forward action was given."""
    action = actions[0]
    groups: Sequence[Mapping[str, Any]] = (action.get("ForwardConfig") or {}).get("TargetGroups") or ({},)
    order, weight = action.get("Order"), groups[0].get("Weight")
    if order is not None and not 1 <= order <= MOST_ORDER:
        raise errors.ValidationError(f"Action order '{order}' must be a number between 1 and {MOST_ORDER}")
    if weight is not None and not 0 <= weight <= MOST_WEIGHT:
        raise errors.ValidationError(f"Target group weight '{weight}' must be a number between 0 and {MOST_WEIGHT}")
    return {"action_order": order, "target_group_weight": weight}


def _is_same(existing: Listener, protocol: str, group: TargetGroup, asked_tls: Tls, asked_tags: dict[str, str]) -> bool:
    """Whether a request asks for what is there already; then it succeeds again ("idempotent", CreateListener)."""
    own_tls = replace(tls.of(existing), more_certificate_ids=())
    same = (existing.protocol, existing.target_group_id, own_tls) == (protocol, group.id, asked_tls)
    return same and asked_tags.items() <= existing.tags.items()


def _check_fits(call: Call, balancer: LoadBalancer, group: TargetGroup, protocol: str) -> None:
    """Raises where a listener of this load balancer cannot forward to the group."""
    if group.protocol not in LISTENER_TO_GROUP[protocol]:
        raise errors.IncompatibleProtocols(listener=protocol, target_group=group.protocol)
    if group.vpc_id != balancer.vpc_id:
        raise errors.InvalidConfigurationRequest(
            f"Target group '{group.id}' is not in the load balancer's VPC '{balancer.vpc_id}'"
        )
    user = user_of_group(call, group.id)
    if user is not None and user.id != balancer.id:
        raise errors.TargetGroupAssociationLimit(id=group.id)


def describe_listeners(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeListeners.html"""
    balancer_arn, arns = request.get("LoadBalancerArn"), request.get("ListenerArns") or ()
    if bool(balancer_arn) == bool(arns):
        raise errors.ValidationError("You must specify either listener ARNs or a load balancer ARN")
    if balancer_arn:
        found = call.tables.listeners.where(load_balancer_id=owned_load_balancer(call, balancer_arn).id)
    else:
        found = call.tables.listeners.where(id={owned_listener(call, arn).id for arn in arns})
    page, more = pages.page(call, request, found)
    return {**_answer(call, page), **more}


def modify_listener(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyListener.html"""
    listener = owned_listener(call, request["ListenerArn"])
    balancer = owned_load_balancer(call, listener.load_balancer_id)
    protocol, port = _protocol(request.get("Protocol", listener.protocol)), _port(request.get("Port", listener.port))
    asked_tls = tls.asked(call, request, protocol, tls.of(listener))
    actions = request.get("DefaultActions")
    group = owned_target_group(call, _target_group_arn(actions) if actions else listener.target_group_id)
    if port != listener.port and call.tables.listeners.where(load_balancer_id=balancer.id, port=port):
        raise errors.DuplicateListener(load_balancer=balancer.id)
    _check_fits(call, balancer, group, protocol)
    written = _as_written(actions) if actions else {}
    changed = replace(listener, protocol=protocol, port=port, target_group_id=group.id, **written, **asked_tls.fields())
    after = call.tables.listeners.update(listener, changed)
    settle_use(call.tables, call.account, listener.certificate_ids ^ after.certificate_ids)
    return _answer(call, [after])


def delete_listener(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteListener.html"""
    listener = owned_listener(call, request["ListenerArn"])
    call.tables.listeners.remove(listener)
    settle_use(call.tables, call.account, listener.certificate_ids)
    return {}


def describe_listener_attributes(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeListenerAttributes.html"""
    listener = owned_listener(call, request["ListenerArn"])
    return {"Attributes": attributes.to_wire(attributes.of_listener(listener))}


def modify_listener_attributes(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyListenerAttributes.html"""
    listener = owned_listener(call, request["ListenerArn"])
    changed = attributes.changed_listener(listener, request.get("Attributes") or ())
    after = call.tables.listeners.update(listener, replace(listener, attributes=changed))
    return {"Attributes": attributes.to_wire(attributes.of_listener(after))}


def _answer(call: Call, listeners: Sequence[Listener]) -> Answer:
    of_tls = tls.to_wire(call, listeners)
    return {"Listeners": [_to_wire(one) | of_tls.get(one.id, {}) for one in listeners]}


def _to_wire(listener: Listener) -> dict[str, Any]:
    return {
        "ListenerArn": listener.id,
        "LoadBalancerArn": listener.load_balancer_id,
        "Port": listener.port,
        "Protocol": listener.protocol,
        "DefaultActions": [forward_action(listener)],
    }


def forward_action(listener: Listener) -> dict[str, Any]:
    """The one action, in both forms, as AWS lists it."""
    order = {} if listener.action_order is None else {"Order": listener.action_order}
    weight = {} if listener.target_group_weight is None else {"Weight": listener.target_group_weight}
    return {
        "Type": "forward",
        "TargetGroupArn": listener.target_group_id,
        **order,
        "ForwardConfig": {
            "TargetGroups": [{"TargetGroupArn": listener.target_group_id, **weight}],
            "TargetGroupStickinessConfig": {"Enabled": False},
        },
    }
