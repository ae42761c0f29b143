"""RunInstances: what a request asks of new instances, and making them.

What an instance here cannot have is refused, so that nothing is silently left out. Two things are passed over, because an
instance without a disk is what everybody gets: ``BlockDeviceMappings`` and the tags of volumes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sidedoor import errors, tagging
from sidedoor.call import Answer, Call, Request
from sidedoor.identity.model import InstanceProfile
from sidedoor.instances import metadata, user_data
from sidedoor.instances.images import check_image_id
from sidedoor.instances.lookup import views
from sidedoor.instances.model import Event, Instance, InstanceState, MetadataOptions
from sidedoor.instances.places import Place, wanted_place
from sidedoor.instances.traces import forget_terminated
from sidedoor.instances.types import DEFAULT, InstanceType, known_type
from sidedoor.instances.wire import reservations
from sidedoor.networks.allocation import allocate_interface, taken_addresses
from sidedoor.networks.model import Attachment, Interface, InterfaceKind, usable_addresses
from sidedoor.networks.refusals import refuse

MOST_AT_ONCE = 100

_REFUSED = (
    "AdditionalInfo", "CapacityReservationSpecification", "CpuOptions", "ElasticGpuSpecification",
    "ElasticInferenceAccelerators", "EnablePrimaryIpv6", "InstanceMarketOptions", "Ipv6AddressCount", "Ipv6Addresses",
    "KernelId", "LaunchTemplate", "LicenseSpecifications", "NetworkPerformanceOptions", "Operator", "RamdiskId",
    "SecondaryInterfaces",
)  # fmt: skip
_REFUSED_OF_PLACEMENT = (
    "Affinity", "GroupId", "GroupName", "HostId", "HostResourceGroupArn", "PartitionNumber", "SpreadDomain",
)  # fmt: skip
_SWITCHES = (("HibernationOptions", "Configured"), ("EnclaveOptions", "Enabled"))
_TAGGED = ("instance", "network-interface", "volume", "spot-instances-request", "elastic-gpu")
"""What TagSpecifications may name (EC2 API reference, ``RunInstances``)."""

SHUTDOWN_BEHAVIORS = ("stop", "terminate")


def run_instances(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html"""
    earlier = call.replayed(request)
    if earlier is not None:
        return _answer(call, call.tables.instances.where(reservation_id=earlier))
    _refuse_what_is_missing(request)
    forget_terminated(call)
    kind = known_type(request.get("InstanceType") or DEFAULT)
    draft = _draft(call, request, kind)
    place = wanted_place(call, request)
    launched = [_launch(call, request, draft, place, index) for index in range(_count(call, request, place))]
    call.remember_token(request, draft.reservation_id)
    return _answer(call, launched)


def _answer(call: Call, instances: Sequence[Instance]) -> Answer:
    (reservation,) = reservations(call, views(call, instances))
    return reservation


def _refuse_what_is_missing(request: Request) -> None:
    refuse(request, _REFUSED, "an instance is a network interface in which you start programs.")
    placement = request.get("Placement") or {}
    refuse(placement, _REFUSED_OF_PLACEMENT, "there is one host.")
    if placement.get("Tenancy") == "host":
        raise errors.UnsupportedOperation("The tenancy host is not supported by Sidedoor.")
    for member, switch in _SWITCHES:
        if (request.get(member) or {}).get(switch):
            raise errors.UnsupportedOperation(f"The parameter {member} is not supported by Sidedoor.")
    names = request.get("PrivateDnsNameOptions") or {}
    if names.get("HostnameType", "ip-name") != "ip-name":
        raise errors.UnsupportedOperation("The name of an instance of Sidedoor is made of its address (ip-name).")


def _draft(call: Call, request: Request, kind: InstanceType) -> Instance:
    """An instance as the request describes all of them; where each one is comes later."""
    profile = _profile(call, request.get("IamInstanceProfile") or {})
    return Instance(
        id="", account=call.account, region=call.region, reservation_id=call.new_id("r"), launch_index=0,
        state=InstanceState.PENDING, image_id=check_image_id(request.get("ImageId")), instance_type=kind.name,
        interface_id=None, zone_id="", created=call.now, launched=call.now, client_token=request.get("ClientToken"),
        key_name=request.get("KeyName"), user_data=user_data.checked(request.get("UserData")),
        profile_arn=profile.arn if profile else None, profile_id=profile.id if profile else None,
        tenancy=(request.get("Placement") or {}).get("Tenancy") or "default",
        monitoring=(request.get("Monitoring") or {}).get("Enabled", False),
        ebs_optimized=request.get("EbsOptimized", False), disable_api_stop=request.get("DisableApiStop", False),
        disable_api_termination=request.get("DisableApiTermination", False),
        shutdown_behavior=check_shutdown_behavior(request.get("InstanceInitiatedShutdownBehavior") or "stop"),
        cpu_credits=_credits(kind, request.get("CreditSpecification") or {}),
        auto_recovery=(request.get("MaintenanceOptions") or {}).get("AutoRecovery") or "default",
        metadata=metadata.changed(MetadataOptions(), request.get("MetadataOptions") or {}), tags=_tags(request, "instance"),
    )  # fmt: skip


def _profile(call: Call, asked: Mapping[str, Any]) -> InstanceProfile | None:
    """The caller's instance profile that the request names by its name or its ARN."""
    name, arn = asked.get("Name"), asked.get("Arn")
    if not name and not arn:
        return None
    for profile in call.tables.instance_profiles.where(account=call.account):
        if name in (None, profile.name) and arn in (None, profile.arn):
            return profile
    member = "name" if name else "arn"
    reason = f"Invalid IAM Instance Profile {member if name else member.upper()}"
    raise errors.InvalidParameterValue(value=name or arn, name=f"iamInstanceProfile.{member}", reason=reason)


def check_shutdown_behavior(text: str) -> str:
    if text not in SHUTDOWN_BEHAVIORS:
        reason = f"Expecting {' or '.join(SHUTDOWN_BEHAVIORS)}."
        raise errors.InvalidParameterValue(value=text, name="InstanceInitiatedShutdownBehavior", reason=reason)
    return text


def _credits(kind: InstanceType, asked: Mapping[str, Any]) -> str | None:
    word: str | None = asked.get("CpuCredits")
    if not word:
        return kind.usual_credits
    if word not in ("standard", "unlimited"):
        raise errors.InvalidParameterValue(value=word, name="CpuCredits", reason="Expecting standard or unlimited.")
    if not kind.burstable:
        raise errors.InvalidParameterCombination(f"The instance type {kind.name} has no CPU credits.")
    return word


def _tags(request: Request, resource_type: str) -> dict[str, str]:
    """The tags for one of the types of resource that the request makes."""
    specifications = request.get("TagSpecifications") or ()
    for one in specifications:
        if one.get("ResourceType") not in _TAGGED:
            raise errors.InvalidParameterValue(
                f"'{one.get('ResourceType')}' is not a valid taggable resource type for this operation."
            )
    mine = [one for one in specifications if one["ResourceType"] == resource_type]
    return tagging.from_specifications({"TagSpecifications": mine}, resource_type)


def _count(call: Call, request: Request, place: Place) -> int:
    """How many to launch: as many as there is room for, at least MinCount and at most MaxCount."""
    least: int = request["MinCount"]
    most: int = request["MaxCount"]
    if least < 1:
        raise errors.InvalidParameterValue(value=least, name="minCount", reason="Expecting a value of at least 1.")
    if most < least:
        raise errors.InvalidParameterCombination(f"The maximum count ({most}) is less than the minimum count ({least}).")
    if most > MOST_AT_ONCE:
        raise errors.InstanceLimitExceeded(asked=most, limit=MOST_AT_ONCE)
    if place.interface is not None:
        return 1
    if place.address is not None and most > 1:
        raise errors.InvalidParameterCombination("A private IP address can be given to one instance only.")
    room = usable_addresses(place.subnet.cidr) - len(taken_addresses(call, place.subnet.id))
    if room < least:
        raise errors.InsufficientFreeAddresses(id=place.subnet.id)
    return min(most, room)


def _launch(call: Call, request: Request, draft: Instance, place: Place, index: int) -> Instance:
    """Makes one instance. The record settles at once; the answer shows it pending, as AWS's does."""
    instance_id = call.new_id("i")
    interface = _interface(call, request, place, instance_id)
    pending = replace(
        draft, id=instance_id, launch_index=index, interface_id=interface.id, zone_id=place.subnet.zone_id
    )  # fmt: skip
    call.tables.instances.add(pending.after(Event.SETTLED))
    return pending


def _interface(call: Call, request: Request, place: Place, instance_id: str) -> Interface:
    attachment = Attachment(
        id=call.new_id("eni-attach"), instance_id=instance_id, attached=call.now,
        delete_on_termination=place.delete_on_termination, public_address_asked=place.public_address_asked,
    )  # fmt: skip
    tags = _tags(request, "network-interface")
    if place.interface is None:
        return allocate_interface(
            call, place.subnet, InterfaceKind.WORKLOAD, address=place.address, description=place.description,
            group_ids=place.group_ids, attachment=attachment, tags=tags,
        )  # fmt: skip
    if tags:
        raise errors.InvalidParameterCombination("Tags cannot be specified for a network interface that exists already.")
    return call.tables.interfaces.update(place.interface, replace(place.interface, attachment=attachment))
