"""Errors of VPCs and what is in them."""

from __future__ import annotations

from sidedoor.errors.api_error import ApiError


class VpcNotFound(ApiError):
    """The vpc ID '{id}' does not exist"""

    code = "InvalidVpcID.NotFound"


class VpcIdMalformed(ApiError):
    """Invalid id: "{id}" (expecting "vpc-...")"""

    code = "InvalidVpcID.Malformed"


class VpcRangeInvalid(ApiError):
    """The CIDR '{cidr}' is invalid."""

    code = "InvalidVpc.Range"


class VpcRangeConflict(ApiError):
    """The CIDR '{cidr}' conflicts with the CIDR '{other}' of the VPC"""

    code = "InvalidVpc.Range"


class CidrLimitExceeded(ApiError):
    """This network {vpc_id} has met its maximum number of allowed CIDRs: {limit}"""

    code = "CidrLimitExceeded"


class CidrInUse(ApiError):
    """The vpc {vpc_id} currently has a subnet within CIDR block {cidr}"""

    code = "InvalidCidr.InUse"


class CidrAssociationNotFound(ApiError):
    """The vpc CIDR block association ID '{id}' does not exist"""

    code = "InvalidVpcCidrBlockAssociationIdError.NotFound"


class UnsupportedTenancy(ApiError):
    """The tenancy value {tenancy} is not supported."""

    code = "UnsupportedTenancy"


class SubnetNotFound(ApiError):
    """The subnet ID '{id}' does not exist"""

    code = "InvalidSubnetID.NotFound"


class SubnetIdMalformed(ApiError):
    """Invalid id: "{id}" (expecting "subnet-...")"""

    code = "InvalidSubnetID.Malformed"


class SubnetRangeInvalid(ApiError):
    """The CIDR '{cidr}' is invalid."""

    code = "InvalidSubnet.Range"


class SubnetConflict(ApiError):
    """The CIDR '{cidr}' conflicts with another subnet"""

    code = "InvalidSubnet.Conflict"


class InsufficientFreeAddresses(ApiError):
    """The subnet '{id}' has no free address left"""

    code = "InsufficientFreeAddressesInSubnet"


class SubnetReservationNotFound(ApiError):
    """The subnet-cidr-reservation ID '{id}' does not exist"""

    code = "InvalidSubnetCidrReservationID.NotFound"


class SubnetReservationIdMalformed(ApiError):
    """Invalid id: "{id}" (expecting "scr-...")"""

    code = "InvalidSubnetCidrReservationID.Malformed"


class AddressLimitExceeded(ApiError):
    """The number of private addresses will exceed the limit of {limit} for {id}"""

    code = "PrivateIpAddressLimitExceeded"


class GroupNotFound(ApiError):
    """The security group '{id}' does not exist"""

    code = "InvalidGroup.NotFound"


class GroupIdMalformed(ApiError):
    """Invalid id: "{id}" (expecting "sg-...")"""

    code = "InvalidGroupId.Malformed"


class GroupDuplicate(ApiError):
    """The security group '{name}' already exists for VPC '{vpc_id}'"""

    code = "InvalidGroup.Duplicate"


class GroupReserved(ApiError):
    """Cannot use reserved security group name: {name}"""

    code = "InvalidGroup.Reserved"


class CannotDelete(ApiError):
    """the specified group: "{id}" name: "default" cannot be deleted by a user"""

    code = "CannotDelete"


class PermissionDuplicate(ApiError):
    """the specified rule "{rule}" already exists"""

    code = "InvalidPermission.Duplicate"


class RulesLimitExceeded(ApiError):
    """The maximum number of rules per security group has been reached."""

    code = "RulesPerSecurityGroupLimitExceeded"


class PermissionNotFound(ApiError):
    """The specified rule does not exist in this security group."""

    code = "InvalidPermission.NotFound"


class PermissionMalformed(ApiError):
    """The rule is not well formed: {reason}"""

    code = "InvalidPermission.Malformed"


class GroupRuleNotFound(ApiError):
    """The security group rule ID '{id}' does not exist"""

    code = "InvalidSecurityGroupRuleId.NotFound"


class GroupRuleIdMalformed(ApiError):
    """Invalid id: "{id}" (expecting "sgr-...")"""

    code = "InvalidSecurityGroupRuleId.Malformed"


class VpcIdNotSpecified(ApiError):
    """No default VPC for this user"""

    code = "VPCIdNotSpecified"


class DifferentNetworks(ApiError):
    """You have specified two resources that belong to different networks: {id}."""

    code = "InvalidParameter"


class PrefixListNotFound(ApiError):
    """The prefix list ID '{id}' does not exist"""

    code = "InvalidPrefixListID.NotFound"


class PrefixListIdMalformed(ApiError):
    """Invalid id: "{id}" (expecting "pl-...")"""

    code = "InvalidPrefixListId.Malformed"


class PrefixListVersionMismatch(ApiError):
    """The prefix list has the incorrect version: it is at version {current}, and the request names {asked}"""

    code = "PrefixListVersionMismatch"


class PrefixListFull(ApiError):
    """You have reached the maximum number of entries for the prefix list: {limit}"""

    code = "PrefixListMaxEntriesExceeded"


class PrefixListModificationInvalid(ApiError):
    """The prefix list cannot be changed so: {reason}"""

    code = "InvalidPrefixListModification"


class InterfaceNotFound(ApiError):
    """The networkInterface ID '{id}' does not exist"""

    code = "InvalidNetworkInterfaceID.NotFound"


class InterfaceIdMalformed(ApiError):
    """Invalid id: "{id}" (expecting "eni-...")"""

    code = "InvalidNetworkInterfaceId.Malformed"


class AddressInUse(ApiError):
    """Address {address} is in use."""

    code = "InvalidIPAddress.InUse"


class ZoneNotFound(ApiError):
    """Value ({name}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following
    availability zones: {zones}."""

    code = "InvalidParameterValue"


class DefaultVpcAlreadyExists(ApiError):
    """A Default VPC already exists for this account in this region."""

    code = "DefaultVpcAlreadyExists"


class DefaultVpcDoesNotExist(ApiError):
    """No default VPC exists for this account in this region."""

    code = "DefaultVpcDoesNotExist"


class DefaultSubnetAlreadyExists(ApiError):
    """'{subnet_id}' is already the default subnet in {zone}."""

    code = "DefaultSubnetAlreadyExistsInAvailabilityZone"


class RouteTableNotFound(ApiError):
    """The routeTable ID '{id}' does not exist"""

    code = "InvalidRouteTableID.NotFound"


class RouteTableIdMalformed(ApiError):
    """Invalid id: "{id}" (expecting "rtb-...")"""

    code = "InvalidRouteTableId.Malformed"


class RouteAlreadyExists(ApiError):
    """The route identified by {destination} already exists."""

    code = "RouteAlreadyExists"


class RouteNotFound(ApiError):
    """no route with destination-cidr-block {destination} in route table {table_id}"""

    code = "InvalidRoute.NotFound"


class RouteLimitExceeded(ApiError):
    """The maximum number of routes ({limit}) has been reached for {table_id}"""

    code = "RouteLimitExceeded"


class AssociationNotFound(ApiError):
    """The association ID '{id}' does not exist"""

    code = "InvalidAssociationID.NotFound"


class AlreadyAssociated(ApiError):
    """resource {id} is already associated with {holder}"""

    code = "Resource.AlreadyAssociated"


class NetworkAclNotFound(ApiError):
    """The networkAcl ID '{id}' does not exist"""

    code = "InvalidNetworkAclID.NotFound"


class NetworkAclIdMalformed(ApiError):
    """Invalid id: "{id}" (expecting "acl-...")"""

    code = "InvalidNetworkAclId.Malformed"


class AclEntryAlreadyExists(ApiError):
    """The network acl entry identified by {number} already exists."""

    code = "NetworkAclEntryAlreadyExists"


class AclEntryNotFound(ApiError):
    """The network acl entry identified by {number} does not exist in {acl_id}"""

    code = "InvalidNetworkAclEntry.NotFound"


class AclEntryLimitExceeded(ApiError):
    """The network acl {acl_id} already has {limit} entries in this direction"""

    code = "NetworkAclEntryLimitExceeded"


class InternetGatewayNotFound(ApiError):
    """The internetGateway ID '{id}' does not exist"""

    code = "InvalidInternetGatewayID.NotFound"


class InternetGatewayIdMalformed(ApiError):
    """Invalid id: "{id}" (expecting "igw-...")"""

    code = "InvalidInternetGatewayId.Malformed"


class GatewayNotAttached(ApiError):
    """resource {id} is not attached to network {vpc_id}"""

    code = "Gateway.NotAttached"


class GatewayNotFound(ApiError):
    """The gateway ID '{id}' does not exist"""

    code = "InvalidGatewayID.NotFound"


class NatGatewayNotFound(ApiError):
    """The natGateway ID '{id}' does not exist"""

    code = "InvalidNatGatewayID.NotFound"


class TransitGatewayNotFound(ApiError):
    """The transitGateway ID '{id}' does not exist"""

    code = "InvalidTransitGatewayID.NotFound"


class PeeringNotFound(ApiError):
    """The vpcPeeringConnection ID '{id}' does not exist"""

    code = "InvalidVpcPeeringConnectionID.NotFound"


class DhcpOptionsNotFound(ApiError):
    """The dhcpOption ID '{id}' does not exist"""

    code = "InvalidDhcpOptionID.NotFound"


class DhcpOptionsIdMalformed(ApiError):
    """Invalid id: "{id}" (expecting "dopt-...")"""

    code = "InvalidDhcpOptionsId.Malformed"
