"""The entries of a network ACL: read from a request, and shown as AWS shows them. Pure.

A protocol is a number; the names that people use for four of them are understood. Its ports or its ICMP type belong to an
entry of that protocol alone (EC2 API reference, ``CreateNetworkAclEntry``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sidedoor import errors
from sidedoor.networks import cidrs
from sidedoor.networks.model import AclEntry

_NUMBERS: Mapping[str, str] = {"all": "-1", "icmp": "1", "tcp": "6", "udp": "17", "icmpv6": "58"}
_WITH_PORTS = frozenset({"6", "17"})
_WITH_TYPES = frozenset({"1", "58"})
_HIGHEST_NUMBER = 32766


def from_request(request: Mapping[str, Any]) -> AclEntry:
    """The entry that a request describes. Raises ``InvalidParameterValue``, ``MissingParameter``."""
    protocol = _protocol(request["Protocol"])
    ports, icmp = request.get("PortRange") or {}, request.get("IcmpTypeCode") or {}
    if protocol in _WITH_PORTS:
        _check_ports(ports)
    if protocol in _WITH_TYPES and ("Type" not in icmp or "Code" not in icmp):
        raise errors.MissingParameter(name="icmpTypeCode")
    action = request["RuleAction"].lower()
    if action not in ("allow", "deny"):
        raise errors.InvalidParameterValue(value=request["RuleAction"], name="ruleAction", reason="Expecting allow or deny.")
    cidr, cidr6 = _blocks(request)
    return AclEntry(
        number=entry_number(request), egress=request["Egress"], protocol=protocol, action=action,
        cidr=cidr, cidr6=cidr6,
        from_port=ports["From"] if protocol in _WITH_PORTS else None,
        to_port=ports["To"] if protocol in _WITH_PORTS else None,
        icmp_type=icmp["Type"] if protocol in _WITH_TYPES else None,
        icmp_code=icmp["Code"] if protocol in _WITH_TYPES else None,
    )  # fmt: skip


def entry_number(request: Mapping[str, Any]) -> int:
    """The number of an entry that a user may make, change or delete: the last one's is not among them."""
    number: int = request["RuleNumber"]
    if not 1 <= number <= _HIGHEST_NUMBER:
        reason = f"Expecting a number from 1 to {_HIGHEST_NUMBER}."
        raise errors.InvalidParameterValue(value=number, name="ruleNumber", reason=reason)
    return number


def _protocol(text: str) -> str:
    protocol = _NUMBERS.get(text.lower(), text)
    if protocol == "-1" or (protocol.isascii() and protocol.isdecimal() and int(protocol) <= 255):
        return protocol
    reason = "Expecting the number of a protocol, or -1 for all."
    raise errors.InvalidParameterValue(value=text, name="protocol", reason=reason)


def _check_ports(ports: Mapping[str, Any]) -> None:
    if "From" not in ports or "To" not in ports:
        raise errors.MissingParameter(name="portRange")
    if not 0 <= ports["From"] <= ports["To"] <= 65535:
        value = f"{ports['From']}-{ports['To']}"
        raise errors.InvalidParameterValue(value=value, name="portRange", reason="Expecting ports from 0 to 65535, in order.")


def _blocks(request: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The IPv4 or the IPv6 block that an entry is for."""
    cidr, cidr6 = request.get("CidrBlock"), request.get("Ipv6CidrBlock")
    if cidr and cidr6:
        raise errors.InvalidParameterCombination("Specify cidrBlock or ipv6CidrBlock, not both.")
    if not cidr and not cidr6:
        raise errors.MissingParameter("The request must contain the parameter cidrBlock or ipv6CidrBlock")
    network = cidrs.ipv4_network(cidr) if cidr else cidrs.ipv6_network(cidr6 or "")
    if network is None:
        name = "cidrBlock" if cidr else "ipv6CidrBlock"
        raise errors.InvalidParameterValue(value=cidr or cidr6, name=name, reason="This is not a valid CIDR block.")
    return (str(network), None) if cidr else (None, str(network))


def order(entry: AclEntry) -> tuple[bool, int]:
    """Orders entries as AWS lists them: outbound ones first, each direction by number."""
    return (not entry.egress, entry.number)


def to_wire(entry: AclEntry) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "RuleNumber": entry.number,
        "Egress": entry.egress,
        "Protocol": entry.protocol,
        "RuleAction": entry.action,
    }
    if entry.cidr is not None:
        wire["CidrBlock"] = entry.cidr
    if entry.cidr6 is not None:
        wire["Ipv6CidrBlock"] = entry.cidr6
    if entry.from_port is not None:
        wire["PortRange"] = {"From": entry.from_port, "To": entry.to_port}
    if entry.icmp_type is not None:
        wire["IcmpTypeCode"] = {"Type": entry.icmp_type, "Code": entry.icmp_code}
    return wire
