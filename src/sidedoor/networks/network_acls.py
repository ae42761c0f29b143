"""Network ACLs: numbered rules for what goes into and out of a subnet. Their entries: ``acl_entries``.

Rule 1: each subnet has exactly one ACL, so that an association is replaced and never deleted alone.
Rule 2: they are stored and shown, and no packet asks them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sidedoor import errors, tagging
from sidedoor.aws.listing import Field, filtered, truth
from sidedoor.call import Answer, Call, Request
from sidedoor.networks import acl_entries, lookup
from sidedoor.networks.founding import DENY_ALL
from sidedoor.networks.model import AclEntry, NetworkAcl, NetworkAclAssociation
from sidedoor.networks.refusals import in_use
from sidedoor.paging import page

MOST_ENTRIES = 40
"""In one direction, with the last one (Amazon VPC quotas, "Rules per network ACL": 20, at most 40)."""


def create_network_acl(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAcl.html"""
    earlier = call.replayed(request)
    if earlier is None:
        vpc = lookup.owned_vpc(call, request["VpcId"])
        acl = call.tables.network_acls.add(
            NetworkAcl(
                id=call.new_id("acl"), account=vpc.account, region=vpc.region, vpc_id=vpc.id, created=call.now,
                entries=DENY_ALL, tags=tagging.from_specifications(request, "network-acl"),
            )
        )  # fmt: skip
        call.remember_token(request, acl.id)
    else:
        acl = lookup.owned_acl(call, earlier)
    token = {"ClientToken": request["ClientToken"]} if request.get("ClientToken") else {}
    return {"NetworkAcl": _to_wire(acl, call.tables.network_acl_associations.where(acl_id=acl.id)), **token}


def describe_network_acls(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkAcls.html"""
    acls = lookup.chosen(call, call.tables.network_acls, request.get("NetworkAclIds"), lookup.owned_acl)
    associations = _associations(call)
    found = filtered(acls, request.get("Filters"), _filters(associations), tags=lambda acl: acl.tags)
    shown, token = page(call, request, found)
    return {"NetworkAcls": [_to_wire(acl, associations.get(acl.id, ())) for acl in shown], "NextToken": token}


def delete_network_acl(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNetworkAcl.html"""
    acl = lookup.owned_acl(call, request["NetworkAclId"])
    if acl.is_default:
        raise errors.InvalidParameterValue(f"cannot delete default network ACL {acl.id}")
    for association in call.tables.network_acl_associations.where(acl_id=acl.id):
        raise in_use(call, "networkAcl", acl.id, association.subnet_id)
    call.tables.network_acls.remove(acl)
    return {}


def replace_network_acl_association(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceNetworkAclAssociation.html"""
    records, missing = call.tables.network_acl_associations, errors.AssociationNotFound
    association = lookup.owned(call, records, request["AssociationId"], "aclassoc", missing, missing)
    acl = lookup.owned_acl(call, request["NetworkAclId"])
    if acl.vpc_id != association.vpc_id:
        sentence = f"network ACL {acl.id} and subnet {association.subnet_id} belong to different networks"
        raise errors.InvalidParameterValue(sentence)
    records.remove(association)
    new = records.add(replace(association, id=call.new_id("aclassoc"), acl_id=acl.id, created=call.now))
    return {"NewAssociationId": new.id}


# --- entries ------------------------------------------------------------------------------------------------------


def create_network_acl_entry(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAclEntry.html"""
    acl = lookup.owned_acl(call, request["NetworkAclId"])
    entry = acl_entries.from_request(request)
    if _found(acl, entry.number, egress=entry.egress) is not None:
        raise errors.AclEntryAlreadyExists(number=entry.number)
    if sum(one.egress == entry.egress for one in acl.entries) >= MOST_ENTRIES:
        raise errors.AclEntryLimitExceeded(acl_id=acl.id, limit=MOST_ENTRIES)
    _set_entries(call, acl, [*acl.entries, entry])
    return {}


def replace_network_acl_entry(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceNetworkAclEntry.html"""
    acl = lookup.owned_acl(call, request["NetworkAclId"])
    entry = acl_entries.from_request(request)
    earlier = _existing(acl, entry.number, egress=entry.egress)
    _set_entries(call, acl, [entry if one == earlier else one for one in acl.entries])
    return {}


def delete_network_acl_entry(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNetworkAclEntry.html"""
    acl = lookup.owned_acl(call, request["NetworkAclId"])
    entry = _existing(acl, acl_entries.entry_number(request), egress=request["Egress"])
    _set_entries(call, acl, [one for one in acl.entries if one != entry])
    return {}


def _set_entries(call: Call, acl: NetworkAcl, entries: Sequence[AclEntry]) -> None:
    call.tables.network_acls.update(acl, replace(acl, entries=tuple(entries)))


def _found(acl: NetworkAcl, number: int, *, egress: bool) -> AclEntry | None:
    return next((entry for entry in acl.entries if (entry.number, entry.egress) == (number, egress)), None)


def _existing(acl: NetworkAcl, number: int, *, egress: bool) -> AclEntry:
    entry = _found(acl, number, egress=egress)
    if entry is None:
        raise errors.AclEntryNotFound(number=number, acl_id=acl.id)
    return entry


# --- answers ------------------------------------------------------------------------------------------------------


Associations = Mapping[str, Sequence[NetworkAclAssociation]]
"""ACL id -> the associations of the subnets that have it."""


def _associations(call: Call) -> Associations:
    found: dict[str, list[NetworkAclAssociation]] = defaultdict(list)
    for association in call.tables.network_acl_associations.where(**call.owned):
        found[association.acl_id].append(association)
    return found


def _to_wire(acl: NetworkAcl, associations: Sequence[NetworkAclAssociation]) -> dict[str, Any]:
    return {
        "NetworkAclId": acl.id,
        "VpcId": acl.vpc_id,
        "OwnerId": acl.account,
        "IsDefault": acl.is_default,
        "Entries": [acl_entries.to_wire(entry) for entry in sorted(acl.entries, key=acl_entries.order)],
        "Associations": [
            {"NetworkAclAssociationId": one.id, "NetworkAclId": one.acl_id, "SubnetId": one.subnet_id} for one in associations
        ],
        "Tags": tagging.to_wire(acl.tags),
    }


def _filters(associations: Associations) -> Mapping[str, Field[NetworkAcl]]:
    def associated(look: Callable[[NetworkAclAssociation], str]) -> Field[NetworkAcl]:
        return lambda acl: [look(one) for one in associations.get(acl.id, ())]

    def entry(look: Callable[[AclEntry], object]) -> Field[NetworkAcl]:
        return lambda acl: [str(value) for value in map(look, acl.entries) if value is not None]

    return {
        "association.association-id": associated(lambda one: one.id),
        "association.network-acl-id": associated(lambda one: one.acl_id),
        "association.subnet-id": associated(lambda one: one.subnet_id),
        "default": lambda acl: truth(acl.is_default),
        "entry.cidr": entry(lambda one: one.cidr),
        "entry.icmp.code": entry(lambda one: one.icmp_code),
        "entry.icmp.type": entry(lambda one: one.icmp_type),
        "entry.ipv6-cidr": entry(lambda one: one.cidr6),
        "entry.port-range.from": entry(lambda one: one.from_port),
        "entry.port-range.to": entry(lambda one: one.to_port),
        "entry.protocol": entry(lambda one: one.protocol),
        "entry.rule-action": entry(lambda one: one.action),
        "entry.egress": entry(lambda one: truth(one.egress)),
        "entry.rule-number": entry(lambda one: one.number),
        "network-acl-id": lambda acl: acl.id,
        "owner-id": lambda acl: acl.account,
        "vpc-id": lambda acl: acl.vpc_id,
    }
