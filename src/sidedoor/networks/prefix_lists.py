"""Managed prefix lists: sets of blocks under one name, to which security group rules and routes refer.

Rule 1: a change of the entries makes a new version; the entries of every version stay readable, and can be brought back.
Rule 2: AWS's own lists, which its services keep for gateway endpoints, are not here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sidedoor import errors, tagging
from sidedoor.aws.listing import Field, filtered
from sidedoor.call import Answer, Call, Request
from sidedoor.networks import cidrs, lookup
from sidedoor.networks.model import AddressFamily, PrefixEntry, PrefixList
from sidedoor.networks.refusals import refuse
from sidedoor.paging import page

MOST_ENTRIES = 1000
"""Of one list (Amazon VPC quotas, "Entries per prefix list")."""

MOST_OF_A_CHANGE = 100
"""Entries that one request adds or removes (EC2 API reference, ``ModifyManagedPrefixList``)."""

MOST_NAMED = 10
"""Resources that a state message names (EC2 API reference, ``ModifyManagedPrefixList``)."""

LONGEST_NAME = LONGEST_DESCRIPTION = 255


def create_managed_prefix_list(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateManagedPrefixList.html"""
    earlier = call.replayed(request)
    if earlier is not None:
        return {"PrefixList": _to_wire(lookup.owned_prefix_list(call, earlier))}
    family = _family(request["AddressFamily"])
    made = PrefixList(
        id=call.new_id("pl"), account=call.account, region=call.region, created=call.now, family=family,
        name=_name(request["PrefixListName"]), max_entries=_size(request["MaxEntries"]),
        tags=tagging.from_specifications(request, "prefix-list"),
    )  # fmt: skip
    added = call.tables.prefix_lists.add(replace(made, entries=_with(made, request.get("Entries") or ())))
    call.remember_token(request, added.id)
    return {"PrefixList": {**_to_wire(added), "State": "create-in-progress"}}


def _family(name: str) -> AddressFamily:
    try:
        return AddressFamily(name)
    except ValueError:
        reason = "Expecting IPv4 or IPv6."
        raise errors.InvalidParameterValue(value=name, name="AddressFamily", reason=reason) from None


def _name(name: str) -> str:
    if not 1 <= len(name) <= LONGEST_NAME:
        reason = f"A name has 1 to {LONGEST_NAME} characters."
        raise errors.InvalidParameterValue(value=name, name="PrefixListName", reason=reason)
    if name.startswith("com.amazonaws"):
        reason = "The name of a prefix list cannot start with com.amazonaws."
        raise errors.InvalidParameterValue(value=name, name="PrefixListName", reason=reason)
    return name


def _size(size: int) -> int:
    if not 1 <= size <= MOST_ENTRIES:
        reason = f"Expecting a value between 1 and {MOST_ENTRIES}."
        raise errors.InvalidParameterValue(value=size, name="MaxEntries", reason=reason)
    return size


def modify_managed_prefix_list(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyManagedPrefixList.html"""
    refuse(request, ("IpamPrefixListResolverSyncEnabled",), "there is no IPAM.")
    found = lookup.owned_prefix_list(call, request["PrefixListId"])
    added, removed = request.get("AddEntries") or (), request.get("RemoveEntries") or ()
    changed = replace(found, modified=True, failure=None)
    if request.get("PrefixListName"):
        changed = replace(changed, name=_name(request["PrefixListName"]))
    if "MaxEntries" in request:
        changed = _resized(changed, request["MaxEntries"], added or removed)
    if added or removed:
        _check_version(found, request.get("CurrentVersion"))
        changed = _next_version(changed, _with(replace(changed, entries=_without(changed, removed)), added))
    updated = call.tables.prefix_lists.update(found, changed)
    return {"PrefixList": {**_to_wire(updated), "State": "modify-in-progress"}}


def _resized(found: PrefixList, size: int, entries: Sequence[Any]) -> PrefixList:
    if entries:
        raise errors.InvalidParameterCombination("The size and the entries of a prefix list cannot be modified together.")
    if _size(size) < len(found.entries):
        raise errors.PrefixListModificationInvalid(reason=f"it has {len(found.entries)} entries, which are more than {size}.")
    return replace(found, max_entries=size)


def _check_version(found: PrefixList, asked: int | None) -> None:
    """Whoever changes entries says which version it has seen."""
    if asked is None:
        raise errors.MissingParameter(name="CurrentVersion")
    if asked != found.number:
        raise errors.PrefixListVersionMismatch(current=found.number, asked=asked)


def _next_version(found: PrefixList, entries: tuple[PrefixEntry, ...]) -> PrefixList:
    return replace(found, entries=entries, earlier=(*found.earlier, found.entries), modified=True, failure=None)


def _without(found: PrefixList, removed: Sequence[Mapping[str, Any]]) -> tuple[PrefixEntry, ...]:
    _check_count(removed)
    blocks = {_block(found, one) for one in removed}
    strangers = sorted(blocks - {one.cidr for one in found.entries})
    if strangers:
        raise errors.PrefixListModificationInvalid(reason=f"it has no entry {strangers[0]}.")
    return tuple(one for one in found.entries if one.cidr not in blocks)


def _with(found: PrefixList, added: Sequence[Mapping[str, Any]]) -> tuple[PrefixEntry, ...]:
    """The list's entries and these; an entry that is there already gets the new description."""
    _check_count(added)
    entries = {one.cidr: one for one in found.entries}
    new = [PrefixEntry(cidr=_block(found, one), description=_description(one)) for one in added]
    if len({one.cidr for one in new}) != len(new):
        raise errors.PrefixListModificationInvalid(reason="an entry is named twice.")
    entries |= {one.cidr: one for one in new}
    if len(entries) > found.max_entries:
        raise errors.PrefixListFull(limit=found.max_entries)
    return tuple(entries.values())


def _check_count(entries: Sequence[Any]) -> None:
    if len(entries) > MOST_OF_A_CHANGE:
        raise errors.InvalidParameterValue(f"A request can add or remove at most {MOST_OF_A_CHANGE} entries.")


def _block(found: PrefixList, entry: Mapping[str, Any]) -> str:
    text = entry.get("Cidr") or ""
    network = cidrs.ipv4_network(text) if found.family is AddressFamily.IPV4 else cidrs.ipv6_network(text)
    if network is None:
        reason = f"This is not a valid {found.family.value} CIDR block."
        raise errors.InvalidParameterValue(value=text, name="Cidr", reason=reason)
    return str(network)


def _description(entry: Mapping[str, Any]) -> str | None:
    text = entry.get("Description")
    if text and len(text) > LONGEST_DESCRIPTION:
        reason = f"A description has up to {LONGEST_DESCRIPTION} characters."
        raise errors.InvalidParameterValue(value=text, name="Description", reason=reason)
    return text or None


def restore_managed_prefix_list_version(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RestoreManagedPrefixListVersion.html"""
    found = lookup.owned_prefix_list(call, request["PrefixListId"])
    _check_version(found, request["CurrentVersion"])
    entries = _entries_of(found, request["PreviousVersion"], "PreviousVersion")
    updated = call.tables.prefix_lists.update(found, _next_version(found, entries))
    return {"PrefixList": {**_to_wire(updated), "State": "restore-in-progress"}}


def _entries_of(found: PrefixList, number: int, parameter: str) -> tuple[PrefixEntry, ...]:
    entries = found.entries_of(number)
    if entries is None:
        reason = f"The prefix list {found.id} has the versions 1 to {found.number}."
        raise errors.InvalidParameterValue(value=number, name=parameter, reason=reason)
    return entries


def delete_managed_prefix_list(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteManagedPrefixList.html

    As on AWS the request succeeds in any case; a list that something refers to stays, in the state ``delete-failed``.
    """
    found = lookup.owned_prefix_list(call, request["PrefixListId"])
    users = _users(call, found)
    if users:
        failure = f"The prefix list {found.id} is used by {', '.join(users[:MOST_NAMED])}."
        call.tables.prefix_lists.update(found, replace(found, failure=failure))
    else:
        call.tables.prefix_lists.remove(found)
    return {"PrefixList": {**_to_wire(found), "State": "delete-in-progress"}}


def _users(call: Call, found: PrefixList) -> list[str]:
    """The ids of the security groups and route tables that refer to the list."""
    rules = call.tables.security_group_rules.where(**call.owned, prefix_list_id=found.id)
    tables = [
        table.id
        for table in call.tables.route_tables.where(**call.owned)
        if any(route.destination == found.id for route in table.routes)
    ]
    return sorted({rule.group_id for rule in rules} | set(tables))


def get_managed_prefix_list_associations(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetManagedPrefixListAssociations.html"""
    found = lookup.owned_prefix_list(call, request["PrefixListId"])
    shown, token = page(call, request, _users(call, found), key=str)
    users = [{"ResourceId": user, "ResourceOwner": found.account} for user in shown]
    return {"PrefixListAssociations": users, "NextToken": token}


def get_managed_prefix_list_entries(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetManagedPrefixListEntries.html"""
    found = lookup.owned_prefix_list(call, request["PrefixListId"])
    entries = _entries_of(found, request.get("TargetVersion", found.number), "TargetVersion")
    shown, token = page(call, request, sorted(entries, key=lambda one: one.cidr), key=lambda one: one.cidr)
    wire = [{"Cidr": one.cidr, **({"Description": one.description} if one.description else {})} for one in shown]
    return {"Entries": wire, "NextToken": token}


def describe_managed_prefix_lists(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeManagedPrefixLists.html"""
    lists = lookup.chosen(call, call.tables.prefix_lists, request.get("PrefixListIds"), lookup.owned_prefix_list)
    found = filtered(lists, request.get("Filters"), _FILTERS, tags=lambda one: one.tags)
    shown, token = page(call, request, found)
    return {"PrefixLists": [_to_wire(one) for one in shown], "NextToken": token}


def describe_prefix_lists(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribePrefixLists.html

    It shows AWS's own lists alone, of which there are none.
    """
    for list_id in request.get("PrefixListIds") or ():
        raise errors.PrefixListNotFound(id=list_id)
    nothing: list[PrefixList] = []
    fields = {name: _FILTERS[name] for name in ("prefix-list-id", "prefix-list-name")}
    shown, token = page(call, request, filtered(nothing, request.get("Filters"), fields))
    return {"PrefixLists": shown, "NextToken": token}


def _to_wire(found: PrefixList) -> dict[str, Any]:
    return {
        "PrefixListId": found.id,
        "PrefixListArn": f"arn:aws:ec2:{found.region}:{found.account}:prefix-list/{found.id}",
        "PrefixListName": found.name,
        "OwnerId": found.account,
        "AddressFamily": found.family.value,
        "MaxEntries": found.max_entries,
        "Version": found.number,
        "State": found.state,
        **({"StateMessage": found.failure} if found.failure is not None else {}),
        "Tags": tagging.to_wire(found.tags),
    }


_FILTERS: Mapping[str, Field[PrefixList]] = {
    "owner-id": lambda one: one.account,
    "prefix-list-id": lambda one: one.id,
    "prefix-list-name": lambda one: one.name,
}
