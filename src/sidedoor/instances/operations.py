"""Describing, stopping, starting, monitoring and terminating instances.

An answer shows the state through which AWS's instance goes (``stopping``); the record is at the end of it already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sidedoor import errors
from sidedoor.aws.listing import Field, filtered
from sidedoor.call import Answer, Call, Request
from sidedoor.instances.filters import INSTANCE_FILTERS
from sidedoor.instances.lookup import View, chosen_instances, named_instances, views
from sidedoor.instances.model import CODES, Event, IllegalTransition, Instance, InstanceState
from sidedoor.instances.traces import forget_terminated, release_interfaces, show_elsewhere
from sidedoor.instances.wire import reservations, state_to_wire
from sidedoor.paging import page, record_key


def describe_instances(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html"""
    _refuse_page_of_named(request)
    every = views(call, chosen_instances(call, request.get("InstanceIds")))
    found = filtered(every, request.get("Filters"), INSTANCE_FILTERS, tags=lambda view: view.instance.tags)
    shown, token = page(call, request, found, key=_order)
    return {"Reservations": reservations(call, shown), "NextToken": token}


def _refuse_page_of_named(request: Request) -> None:
    if request.get("InstanceIds") and request.get("MaxResults") is not None:
        raise errors.InvalidParameterCombination(
            "The parameter instancesSet cannot be used with the parameter maxResults"
        )  # fmt: skip


def _order(view: View) -> str:
    return record_key(view.instance)


def describe_instance_status(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html"""
    _refuse_page_of_named(request)
    every = views(call, chosen_instances(call, request.get("InstanceIds")))
    chosen = [view for view in every if request.get("IncludeAllInstances") or view.instance.running]
    found = filtered(chosen, request.get("Filters"), _STATUS_FILTERS)
    shown, token = page(call, request, found, key=_order)
    return {"InstanceStatuses": [_status_to_wire(view) for view in shown], "NextToken": token}


def _status(view: View) -> str:
    return "ok" if view.instance.running else "not-applicable"


def _reachability(view: View) -> str | None:
    return "passed" if view.instance.running else None


def _status_to_wire(view: View) -> dict[str, Any]:
    reachability = _reachability(view)
    details = [{"Name": "reachability", "Status": reachability}] if reachability else []
    return {
        "InstanceId": view.instance.id,
        "AvailabilityZone": view.zone_name,
        "AvailabilityZoneId": view.instance.zone_id,
        "InstanceState": state_to_wire(view.instance.state),
        "InstanceStatus": {"Status": _status(view), "Details": details},
        "SystemStatus": {"Status": _status(view), "Details": details},
        "Events": [],
    }


_NO_EVENTS = (
    "event.code", "event.description", "event.instance-event-id", "event.not-after", "event.not-before",
    "event.not-before-deadline", "operator.principal", "attached-ebs-status.status", "application-status.status",
)  # fmt: skip


def _nothing(view: View) -> None:
    return None


_STATUS_FILTERS: Mapping[str, Field[View]] = {
    **dict.fromkeys(_NO_EVENTS, _nothing),
    "availability-zone": lambda view: view.zone_name,
    "availability-zone-id": lambda view: view.instance.zone_id,
    "instance-state-code": lambda view: str(CODES[view.instance.state]),
    "instance-state-name": lambda view: view.instance.state.value,
    "instance-status.reachability": _reachability,
    "instance-status.status": _status,
    "operator.managed": lambda view: "false",
    "system-status.reachability": _reachability,
    "system-status.status": _status,
}


def start_instances(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StartInstances.html"""
    instances = _named(call, request)
    return {"StartingInstances": [_change(call, one, Event.START_REQUESTED) for one in instances]}


def stop_instances(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StopInstances.html"""
    if request.get("Hibernate"):
        raise errors.UnsupportedOperation("An instance of Sidedoor has no memory to hibernate with.")
    instances = _named(call, request)
    _refuse_protected((one.id for one in instances if one.disable_api_stop), "stopped", "disableApiStop")
    return {"StoppingInstances": [_change(call, one, Event.STOP_REQUESTED) for one in instances]}


def terminate_instances(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html"""
    instances = _named(call, request)
    _refuse_protected((one.id for one in instances if one.disable_api_termination), "terminated", "disableApiTermination")
    changes = [_change(call, one, Event.TERMINATE_REQUESTED) for one in instances]
    forget_terminated(call)
    return {"TerminatingInstances": changes}


def monitor_instances(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_MonitorInstances.html"""
    return {"InstanceMonitorings": [_monitored(call, one, True) for one in _named(call, request)]}


def unmonitor_instances(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_UnmonitorInstances.html"""
    return {"InstanceMonitorings": [_monitored(call, one, False) for one in _named(call, request)]}


def _monitored(call: Call, instance: Instance, on: bool) -> dict[str, Any]:
    """Keeps that an instance is, or is not, to be monitored in detail; there are no metrics here."""
    if instance.state is InstanceState.TERMINATED:
        raise errors.IncorrectInstanceState(id=instance.id, state=instance.state.value)
    if instance.monitoring is on:
        return {"InstanceId": instance.id, "Monitoring": {"State": "enabled" if on else "disabled"}}
    call.tables.instances.update(instance, replace(instance, monitoring=on))
    return {"InstanceId": instance.id, "Monitoring": {"State": "pending" if on else "disabling"}}


def _named(call: Call, request: Request) -> Sequence[Instance]:
    return named_instances(call, request["InstanceIds"])


def _refuse_protected(instance_ids: Iterable[str], done: str, attribute: str) -> None:
    for instance_id in instance_ids:
        raise errors.OperationNotPermitted(
            f"The instance '{instance_id}' may not be {done}. Modify its '{attribute}' instance attribute and try again."
        )


def _change(call: Call, before: Instance, event: Event) -> dict[str, Any]:
    """Moves an instance on, and on to where that leads. Answers the state before and the one that AWS would show now."""
    try:
        under_way = before.after(event)
    except IllegalTransition:
        raise errors.IncorrectInstanceState(id=before.id, state=before.state.value) from None
    after = under_way.after(Event.SETTLED)
    if after.state is not before.state:
        _save(call, before, after)
    return {
        "InstanceId": before.id,
        "PreviousState": state_to_wire(before.state),
        "CurrentState": state_to_wire(under_way.state),
    }


def _save(call: Call, before: Instance, after: Instance) -> None:
    show_elsewhere(call, after)
    if after.state is InstanceState.TERMINATED:
        after = release_interfaces(call, after)
    after = replace(after, launched=call.now) if after.running else replace(after, ended=call.now)
    call.tables.instances.update(before, after)
