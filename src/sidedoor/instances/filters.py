"""The filters of DescribeInstances, every one that AWS documents: those on what there is, and those that find nothing here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from sidedoor.aws.listing import Field, truth
from sidedoor.instances.lookup import View
from sidedoor.instances.model import CODES, Instance
from sidedoor.instances.types import TYPES
from sidedoor.instances.wire import dns_name, state_reason, transition_reason
from sidedoor.networks.model import Attachment, Interface
from sidedoor.networks.public_side import address_owner

Found = Iterable[str] | str | None


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _own(look: Callable[[Instance], Found]) -> Field[View]:
    """A filter on the instance itself."""
    return lambda view: look(view.instance)


def _interface(look: Callable[[Interface], Found]) -> Field[View]:
    """A filter on the instance's interface, which a terminated instance does not have."""
    return lambda view: look(view.interface) if view.interface is not None else None


def _any_interface(look: Callable[[Interface], Found]) -> Field[View]:
    """A filter on all interfaces of the instance."""

    def values(view: View) -> list[str]:
        found = [look(interface) for interface in view.interfaces]
        return [value for one in found if one is not None for value in ((one,) if isinstance(one, str) else one)]

    return values


def _attachment(look: Callable[[Attachment], Found]) -> Field[View]:
    return _any_interface(lambda interface: look(interface.attachment) if interface.attachment is not None else None)


def _fixed(value: str) -> Field[View]:
    return lambda view: value


def _reason(member: str) -> Field[View]:
    return _own(lambda instance: (state_reason(instance) or {}).get(member))


def _group_ids(view: View) -> list[str]:
    return [group_id for group_id, _ in view.groups]


def _group_names(view: View) -> list[str]:
    return [name for _, name in view.groups]


_INSTANCE: Mapping[str, Field[View]] = {
    "architecture": _own(lambda one: TYPES[one.instance_type].architecture),
    "availability-zone": lambda view: view.zone_name,
    "availability-zone-id": _own(lambda one: one.zone_id),
    "capacity-reservation-specification.capacity-reservation-preference": _fixed("open"),
    "client-token": _own(lambda one: one.client_token),
    "ebs-optimized": _own(lambda one: truth(one.ebs_optimized)),
    "ena-support": _fixed("true"),
    "enclave-options.enabled": _fixed("false"),
    "hibernation-options.configured": _fixed("false"),
    "hypervisor": _fixed("xen"),
    "iam-instance-profile.arn": _own(lambda one: one.profile_arn),
    "iam-instance-profile.id": _own(lambda one: one.profile_id),
    "image-id": _own(lambda one: one.image_id),
    "instance-id": _own(lambda one: one.id),
    "instance-state-code": _own(lambda one: str(CODES[one.state])),
    "instance-state-name": _own(lambda one: one.state.value),
    "instance-type": _own(lambda one: one.instance_type),
    "instance.group-id": _group_ids,
    "instance.group-name": _group_names,
    "key-name": _own(lambda one: one.key_name),
    "launch-index": _own(lambda one: str(one.launch_index)),
    "launch-time": _own(lambda one: _timestamp(one.launched)),
    "maintenance-options.auto-recovery": _own(lambda one: one.auto_recovery),
    "metadata-options.http-endpoint": _own(lambda one: one.metadata.http_endpoint),
    "metadata-options.http-protocol-ipv4": _own(lambda one: one.metadata.http_endpoint),
    "metadata-options.http-protocol-ipv6": _own(lambda one: one.metadata.http_protocol_ipv6),
    "metadata-options.http-put-response-hop-limit": _own(lambda one: str(one.metadata.hop_limit)),
    "metadata-options.http-tokens": _own(lambda one: one.metadata.http_tokens),
    "metadata-options.instance-metadata-tags": _own(lambda one: one.metadata.instance_tags),
    "metadata-options.state": _fixed("applied"),
    "monitoring-state": _own(lambda one: "enabled" if one.monitoring else "disabled"),
    "operator.managed": _fixed("false"),
    "owner-id": _own(lambda one: one.account),
    "platform-details": _fixed("Linux/UNIX"),
    "private-dns-name-options.enable-resource-name-dns-a-record": _fixed("false"),
    "private-dns-name-options.enable-resource-name-dns-aaaa-record": _fixed("false"),
    "private-dns-name-options.hostname-type": _fixed("ip-name"),
    "reason": _own(transition_reason),
    "reservation-id": _own(lambda one: one.reservation_id),
    "root-device-name": _fixed("/dev/xvda"),
    "root-device-type": _fixed("ebs"),
    "state-reason-code": _reason("Code"),
    "state-reason-message": _reason("Message"),
    "tenancy": _own(lambda one: one.tenancy),
    "usage-operation": _fixed("RunInstances"),
    "usage-operation-update-time": _own(lambda one: _timestamp(one.created)),
    "virtualization-type": _fixed("hvm"),
}

_NETWORK: Mapping[str, Field[View]] = {
    "private-dns-name": _interface(dns_name),
    "private-ip-address": _interface(lambda one: one.address),
    "source-dest-check": _interface(lambda one: "true"),
    "subnet-id": _interface(lambda one: one.subnet_id),
    "vpc-id": _interface(lambda one: one.vpc_id),
    "network-interface.addresses.primary": _any_interface(lambda one: ["true", "false"] if one.secondary else "true"),
    "network-interface.addresses.private-dns-name": _any_interface(dns_name),
    "network-interface.addresses.private-ip-address": _any_interface(lambda one: one.addresses),
    "network-interface.association.ip-owner-id": _interface(address_owner),
    "network-interface.attachment.attach-time": _attachment(lambda one: _timestamp(one.attached)),
    "network-interface.attachment.attachment-id": _attachment(lambda one: one.id),
    "network-interface.attachment.delete-on-termination": _attachment(lambda one: truth(one.delete_on_termination)),
    "network-interface.attachment.device-index": _attachment(lambda one: str(one.device_index)),
    "network-interface.attachment.instance-id": _attachment(lambda one: one.instance_id),
    "network-interface.attachment.instance-owner-id": _any_interface(lambda one: one.account),
    "network-interface.attachment.network-card-index": _attachment(lambda one: "0"),
    "network-interface.attachment.status": _attachment(lambda one: "attached"),
    "network-interface.availability-zone": lambda view: view.zone_name if view.interface is not None else None,
    "network-interface.description": _any_interface(lambda one: one.description),
    "network-interface.group-id": _any_interface(lambda one: one.group_ids),
    "network-interface.group-name": lambda view: [view.names[group] for one in view.interfaces for group in one.group_ids],
    "network-interface.mac-address": _any_interface(lambda one: one.mac),
    "network-interface.network-interface-id": _any_interface(lambda one: one.id),
    "network-interface.operator.managed": _any_interface(lambda one: "false"),
    "network-interface.owner-id": _any_interface(lambda one: one.account),
    "network-interface.private-dns-name": _any_interface(dns_name),
    "network-interface.private-ip-address": _any_interface(lambda one: one.address),
    "network-interface.requester-managed": _any_interface(lambda one: "false"),
    "network-interface.source-dest-check": _any_interface(lambda one: "true"),
    "network-interface.status": _any_interface(lambda one: "in-use"),
    "network-interface.subnet-id": _any_interface(lambda one: one.subnet_id),
    "network-interface.tag-key": _any_interface(lambda one: list(one.tags)),
    "network-interface.tag-value": _any_interface(lambda one: list(one.tags.values())),
    "network-interface.vpc-id": _any_interface(lambda one: one.vpc_id),
}

_NEVER: Sequence[str] = (
    "affinity", "block-device-mapping.attach-time", "block-device-mapping.delete-on-termination",
    "block-device-mapping.device-name", "block-device-mapping.status", "block-device-mapping.volume-id", "boot-mode",
    "capacity-reservation-id",
    "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id",
    "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn",
    "current-instance-boot-mode", "dns-name", "host-id", "instance-lifecycle", "ip-address", "ipv6-address", "kernel-id",
    "network-interface.addresses.association.allocation-id", "network-interface.addresses.association.association-id",
    "network-interface.addresses.association.carrier-ip", "network-interface.addresses.association.customer-owned-ip",
    "network-interface.addresses.association.ip-owner-id", "network-interface.addresses.association.public-dns-name",
    "network-interface.addresses.association.public-ip", "network-interface.association.allocation-id",
    "network-interface.association.association-id", "network-interface.association.carrier-ip",
    "network-interface.association.customer-owned-ip", "network-interface.association.public-dns-name",
    "network-interface.association.public-ip",
    "network-interface.deny-all-igw-traffic", "network-interface.ipv4-prefixes.ipv4-prefix",
    "network-interface.ipv6-address", "network-interface.ipv6-addresses.ipv6-address",
    "network-interface.ipv6-addresses.is-primary-ipv6", "network-interface.ipv6-native",
    "network-interface.ipv6-prefixes.ipv6-prefix", "network-interface.operator.principal",
    "network-interface.outpost-arn", "network-interface.public-dns-name", "network-interface.requester-id",
    "network-performance-options.bandwidth-weighting", "operator.principal", "outpost-arn", "placement-group-name",
    "placement-partition-number", "platform", "product-code", "product-code.type", "ramdisk-id", "requester-id",
    "spot-instance-request-id", "tpm-support",
)  # fmt: skip
"""Filters of AWS on what no instance here has."""


def _nothing(view: View) -> None:
    return None


INSTANCE_FILTERS: Mapping[str, Field[View]] = {**dict.fromkeys(_NEVER, _nothing), **_INSTANCE, **_NETWORK}
