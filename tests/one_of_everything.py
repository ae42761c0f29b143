"""An account that has one of everything that the table of operations can make, and which parameters name what of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from botocore.model import Shape

from api_client import botocore_model
from certificate_authority import an_authority

REGION = "us-east-1"
IMAGE = "ami-0123456789abcdef0"
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})

TRUST = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "999999999999"}, "Action": "sts:AssumeRole"}]})


class Ask(Protocol):
    def __call__(self, service: str, operation: str, /, **request: Any) -> dict[str, Any]: ...


def make(ask: Ask, account: str, letter: str) -> dict[str, str]:
    """Kind -> the id, ARN or name of the account's one. Names begin with ``letter``, which tells accounts apart."""
    made = _networks(ask)
    made |= _load_balancing(ask, letter, made)
    made |= _private_link(ask, made)
    made |= _topics(ask, account, letter)
    made |= _identities(ask, account, letter)
    return made


def _networks(ask: Ask) -> dict[str, str]:
    made = {"vpc": ask("ec2", "CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]}
    vpc = {"VpcId": made["vpc"]}
    block = {"CidrBlock": "10.0.0.0/20", "AvailabilityZoneId": "use1-az1"}
    made["subnet"] = subnet = ask("ec2", "CreateSubnet", **vpc, **block)["Subnet"]["SubnetId"]
    made["group"] = ask("ec2", "CreateSecurityGroup", GroupName="web", Description="web", **vpc)["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    allowed = ask("ec2", "AuthorizeSecurityGroupIngress", GroupId=made["group"], IpPermissions=[rule])
    made["rule"] = allowed["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    made["gateway"] = ask("ec2", "CreateInternetGateway")["InternetGateway"]["InternetGatewayId"]
    made["route_table"] = ask("ec2", "CreateRouteTable", **vpc)["RouteTable"]["RouteTableId"]
    ask("ec2", "AttachInternetGateway", InternetGatewayId=made["gateway"], **vpc)
    table = {"RouteTableId": made["route_table"]}
    ask("ec2", "CreateRoute", DestinationCidrBlock=OUT, GatewayId=made["gateway"], **table)
    made["route_association"] = ask("ec2", "AssociateRouteTable", SubnetId=subnet, **table)["AssociationId"]
    made["acl"] = ask("ec2", "CreateNetworkAcl", **vpc)["NetworkAcl"]["NetworkAclId"]
    associations = [one for acl in ask("ec2", "DescribeNetworkAcls")["NetworkAcls"] for one in acl["Associations"]]
    (made["acl_association"],) = (one["NetworkAclAssociationId"] for one in associations if one["SubnetId"] == subnet)
    made["interface"] = ask("ec2", "CreateNetworkInterface", SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    further = ask("ec2", "AssociateVpcCidrBlock", CidrBlock="10.1.0.0/16", **vpc)["CidrBlockAssociation"]
    made["block_association"] = further["AssociationId"]
    entries = {"MaxEntries": 5, "AddressFamily": "IPv4", "Entries": [{"Cidr": "10.0.0.0/8"}]}
    made["prefix_list"] = ask("ec2", "CreateManagedPrefixList", PrefixListName="known", **entries)["PrefixList"]["PrefixListId"]
    kept = ask("ec2", "CreateSubnetCidrReservation", SubnetId=subnet, Cidr="10.0.15.0/28", ReservationType="explicit")
    made["reservation"] = kept["SubnetCidrReservation"]["SubnetCidrReservationId"]
    launch = {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "SubnetId": subnet}
    (instance,) = ask("ec2", "RunInstances", **launch)["Instances"]
    made["instance"] = instance["InstanceId"]
    made["attachment"] = instance["NetworkInterfaces"][0]["Attachment"]["AttachmentId"]
    made["dhcp_options"] = ask("ec2", "DescribeVpcs", VpcIds=[made["vpc"]])["Vpcs"][0]["DhcpOptionsId"]
    ask("ec2", "CreateTags", Resources=[made["vpc"], made["group"]], Tags=[{"Key": "Name", "Value": f"of {made['vpc']}"}])
    return made


def _load_balancing(ask: Ask, letter: str, have: Mapping[str, str]) -> dict[str, str]:
    request: dict[str, Any] = {"Name": f"{letter}-front", "Type": "network", "Scheme": "internal", "Subnets": [have["subnet"]]}
    request["SecurityGroups"] = [have["group"]]
    made = {"balancer": ask("elbv2", "CreateLoadBalancer", **request)["LoadBalancers"][0]["LoadBalancerArn"]}
    made["balancer_name"] = request["Name"]
    group = {"Name": f"{letter}-web", "Protocol": "TCP", "Port": 80, "VpcId": have["vpc"], "TargetType": "instance"}
    made["target_group"] = ask("elbv2", "CreateTargetGroup", **group)["TargetGroups"][0]["TargetGroupArn"]
    made["target_group_name"] = group["Name"]
    ask("elbv2", "RegisterTargets", TargetGroupArn=made["target_group"], Targets=[{"Id": have["instance"]}])
    forward = [{"Type": "forward", "TargetGroupArn": made["target_group"]}]
    listener = {"LoadBalancerArn": made["balancer"], "Port": 80, "DefaultActions": forward}
    certificate = ask("iam", "UploadServerCertificate", ServerCertificateName=f"{letter}-certificate", **CERTIFICATE)
    made["certificate"] = certificate["ServerCertificateMetadata"]["ServerCertificateName"]
    made["certificate_arn"] = certificate["ServerCertificateMetadata"]["Arn"]
    of_tls = {"Protocol": "TLS", "Certificates": [{"CertificateArn": made["certificate_arn"]}]}
    made["listener"] = ask("elbv2", "CreateListener", **listener, **of_tls)["Listeners"][0]["ListenerArn"]
    made["listener_rule"] = ask("elbv2", "DescribeRules", ListenerArn=made["listener"])["Rules"][0]["RuleArn"]
    return made


def _private_link(ask: Ask, have: Mapping[str, str]) -> dict[str, str]:
    request = {"NetworkLoadBalancerArns": [have["balancer"]], "AcceptanceRequired": True}
    service = ask("ec2", "CreateVpcEndpointServiceConfiguration", **request)["ServiceConfiguration"]
    endpoint = ask(
        "ec2", "CreateVpcEndpoint", VpcEndpointType="Interface", VpcId=have["vpc"], ServiceName=service["ServiceName"],
        SubnetIds=[have["subnet"]], SecurityGroupIds=[have["group"]],
    )["VpcEndpoint"]  # fmt: skip
    topic = f"arn:aws:sns:{REGION}:{endpoint['OwnerId']}:news"
    watch = {"ServiceId": service["ServiceId"], "ConnectionNotificationArn": topic, "ConnectionEvents": ["Accept"]}
    notification = ask("ec2", "CreateVpcEndpointConnectionNotification", **watch)["ConnectionNotification"]
    return {
        "service": service["ServiceId"], "service_name": service["ServiceName"], "endpoint": endpoint["VpcEndpointId"],
        "notification": notification["ConnectionNotificationId"],
    }  # fmt: skip


def _topics(ask: Ask, account: str, letter: str) -> dict[str, str]:
    topic = ask("sns", "CreateTopic", Name=f"{letter}-topic")["TopicArn"]
    queue = f"arn:aws:sqs:{REGION}:{account}:{letter}-queue"
    subscription = ask("sns", "Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=queue, ReturnSubscriptionArn=True)
    return {"topic": topic, "subscription": subscription["SubscriptionArn"]}


def _identities(ask: Ask, account: str, letter: str) -> dict[str, str]:
    user, role, profile = f"{letter}-user", f"{letter}-role", f"{letter}-profile"
    ask("iam", "CreateUser", UserName=user)
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}]}
    role_arn = ask("iam", "CreateRole", RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    ask("iam", "CreateInstanceProfile", InstanceProfileName=profile)
    ask("iam", "AddRoleToInstanceProfile", InstanceProfileName=profile, RoleName=role)
    policy = ask("iam", "CreatePolicy", PolicyName=f"{letter}-policy", PolicyDocument=POLICY)["Policy"]["Arn"]
    ask("iam", "AttachRolePolicy", RoleName=role, PolicyArn=policy)
    ask("iam", "AttachUserPolicy", UserName=user, PolicyArn=policy)
    ask("iam", "PutRolePolicy", RoleName=role, PolicyName=f"{letter}-inline", PolicyDocument=POLICY)
    ask("iam", "PutUserPolicy", UserName=user, PolicyName=f"{letter}-inline", PolicyDocument=POLICY)
    ask("iam", "TagRole", RoleName=role, Tags=[{"Key": "team", "Value": letter}])
    ask("iam", "CreateAccountAlias", AccountAlias=f"{letter}-alias-{account}")
    key = ask("iam", "CreateAccessKey", UserName=user)["AccessKey"]["AccessKeyId"]
    return {
        "user": user, "role": role, "profile": profile, "policy": policy, "role_arn": role_arn, "access_key": key,
        "alias": f"{letter}-alias-{account}", "inline_policy": f"{letter}-inline",
        "profile_arn": f"arn:aws:iam::{account}:instance-profile/{profile}",
    }  # fmt: skip


# --- what a parameter names ----------------------------------------------------------------------------------------

EC2_MEMBERS = {
    "VpcId": "vpc", "SubnetId": "subnet", "GroupId": "group", "SecurityGroupId": "group", "ReferencedGroupId": "group",
    "SecurityGroupRuleId": "rule", "InternetGatewayId": "gateway", "GatewayId": "gateway", "RouteTableId": "route_table",
    "NetworkAclId": "acl", "NetworkInterfaceId": "interface", "InstanceId": "instance", "AttachmentId": "attachment",
    "PrefixListId": "prefix_list", "DestinationPrefixListId": "prefix_list", "SubnetCidrReservationId": "reservation",
    "DhcpOptionsId": "dhcp_options", "NetworkLoadBalancerArn": "balancer", "ServiceId": "service",
    "ServiceName": "service_name", "VpcEndpointId": "endpoint", "ConnectionNotificationId": "notification",
    "ConnectionNotificationArn": "topic",
    "Resource": "vpc", "AssociationId": "route_association", "Arn": "profile_arn", "Group": "group",
}  # fmt: skip
MEMBERS: Mapping[str, Mapping[str, str]] = {
    "ec2": EC2_MEMBERS,
    "elbv2": {
        "LoadBalancerArn": "balancer", "TargetGroupArn": "target_group", "ListenerArn": "listener", "RuleArn": "listener_rule",
        "ResourceArn": "balancer", "SubnetId": "subnet", "Subnet": "subnet", "SecurityGroup": "group", "VpcId": "vpc",
        "Id": "instance", "CertificateArn": "certificate_arn",
    },
    "iam": {
        "UserName": "user", "RoleName": "role", "InstanceProfileName": "profile", "PolicyArn": "policy",
        "AccessKeyId": "access_key", "ServerCertificateName": "certificate",
    },
    "sns": {"TopicArn": "topic", "TargetArn": "topic", "ResourceArn": "topic", "SubscriptionArn": "subscription"},
    "sts": {"RoleArn": "role_arn", "AccessKeyId": "access_key"},
    "cloudwatch": {},
    "cloudtrail": {"AttributeValue": "endpoint"},
}  # fmt: skip
SPECIAL = {
    ("ReplaceNetworkAclAssociation", "AssociationId"): "acl_association",
    ("DisassociateVpcCidrBlock", "AssociationId"): "block_association",
    ("DescribeLoadBalancers", "Names"): "balancer_name",
    ("DescribeTargetGroups", "Names"): "target_group_name",
}
"""(operation, member) -> kind, where the member's name does not say it."""

UNTAGGED = {
    "attachment", "dhcp_options", "balancer", "service_name", "notification", "topic", "route_association", "profile_arn"
}  # fmt: skip
ALSO = {
    "Resources": [one for one in dict.fromkeys(EC2_MEMBERS.values()) if one not in UNTAGGED],
    "ResourceArns": ["balancer", "target_group", "listener"],
}
"""Members that name things of several kinds."""

NEW_NAMES = {
    ("CreateUser", "UserName"), ("CreateRole", "RoleName"), ("CreateInstanceProfile", "InstanceProfileName"),
    ("UploadServerCertificate", "ServerCertificateName"), ("UpdateServerCertificate", "NewServerCertificateName"),
}  # fmt: skip
"""Names that an operation gives."""

Path = tuple[str, ...]


def kinds_named(service: str, operation: str, member: str) -> list[str]:
    """The kinds of things of which a parameter holds an id."""
    if (operation, member) in NEW_NAMES:
        return []
    if (operation, member) in SPECIAL:
        return [SPECIAL[operation, member]]
    if member in ALSO:
        return ALSO[member]
    stem = re.sub(r"^(Add|Remove|Delete|New|Source)(?=[A-Z])", "", member)
    known = MEMBERS[service]
    for name in (stem, stem.removesuffix("s")):
        if name in known:
            return [known[name]]
    return []


def named_things(service: str, operation: str, shape: Shape | None) -> Iterator[tuple[Path, str]]:
    """(path of a parameter, kind of what it names) for each parameter of an operation, also within lists and structures."""

    def walk(shape: Shape, path: Path) -> Iterator[tuple[Path, str]]:
        if shape.type_name == "structure" and len(path) < 4:
            for name, member in shape.members.items():
                yield from walk(member, (*path, name))
        elif shape.type_name == "list":
            yield from walk(shape.member, path)
        elif shape.type_name == "string" and path:
            for kind in kinds_named(service, operation, path[-1]):
                yield path, kind

    yield from walk(shape, ()) if shape is not None else ()


def with_value(shape: Shape, request: Mapping[str, Any], path: Path, value: str) -> dict[str, Any]:
    """The request with the parameter at this path set; lists get one item, and keep what their first one had."""

    def put(shape: Shape, present: Any, path: Path) -> Any:
        if shape.type_name == "list":
            first = present[0] if isinstance(present, list) and present else None
            return [put(shape.member, first, path)]
        if not path:
            return value
        inside = dict(present) if isinstance(present, Mapping) else {}
        return {**inside, path[0]: put(shape.members[path[0]], inside.get(path[0]), path[1:])}

    found: dict[str, Any] = put(shape, request, path)
    return found


def unknown(known: str, letter: str) -> str:
    """An id of the same form, which nobody has: other digits at its end, or another first letter of its name."""
    if known.startswith("AKIA"):
        return "AKIA" + "A" * 16
    digits = re.search(r"[0-9a-f]{8,}$", known)
    if digits:
        return known[: digits.start()] + "0" * len(digits[0])
    return re.sub(rf"(^|[:/]){letter}-", r"\1zz-", known)


# --- requests that do something -------------------------------------------------------------------------------------

TAGS = [{"Key": "colour", "Value": "red"}]
PERMISSION = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
PRESENT_PERMISSION = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
ENTRY = {"RuleNumber": 7, "Protocol": "-1", "RuleAction": "allow", "Egress": False, "CidrBlock": "10.0.0.0/8"}
OUT = "0.0.0.0/0"
CERTIFICATE = an_authority().issue("example.com").upload
METRIC = {"Namespace": "AWS/PrivateLinkEndpoints", "MetricName": "BytesProcessed"}
METRIC_STAT = {"Metric": METRIC, "Period": 60, "Stat": "Sum"}
TODAY = {"StartTime": datetime(2026, 1, 2, tzinfo=UTC), "EndTime": datetime(2026, 1, 3, tzinfo=UTC)}

MORE: Mapping[str, Mapping[str, Any]] = {
    "ModifyVpcEndpointPayerResponsibility": {"Scope": "vpc-endpoint-charges", "PayerResponsibility": "vpc-endpoint-account"},
    "DescribeInstanceAttribute": {"Attribute": "userData"},
    "RunInstances": {"MinCount": 1, "MaxCount": 1, "ImageId": IMAGE},
    "CreateSecurityGroup": {"Description": "d", "GroupName": "another"},
    "CreateNetworkAclEntry": ENTRY,
    "DeleteNetworkAclEntry": {"RuleNumber": 7, "Egress": False},
    "ReplaceNetworkAclEntry": ENTRY,
    "AttachNetworkInterface": {"DeviceIndex": 1},
    "AssociateVpcCidrBlock": {"CidrBlock": "10.2.0.0/16"},
    "AssignPrivateIpAddresses": {"SecondaryPrivateIpAddressCount": 1},
    "UnassignPrivateIpAddresses": {"PrivateIpAddresses": ["10.0.0.99"]},
    "CreateSubnetCidrReservation": {"Cidr": "10.0.14.0/28", "ReservationType": "prefix"},
    "ModifyVpcTenancy": {"InstanceTenancy": "default"},
    "CreateManagedPrefixList": {"PrefixListName": "another", "MaxEntries": 1, "AddressFamily": "IPv4"},
    "ModifyManagedPrefixList": {"PrefixListName": "renamed"},
    "RestoreManagedPrefixListVersion": {"PreviousVersion": 1, "CurrentVersion": 1},
    "CreateDhcpOptions": {"DhcpConfigurations": [{"Key": "domain-name", "Values": ["example.com"]}]},
    "CreateTags": {"Tags": TAGS},
    "DescribeVpcAttribute": {"Attribute": "enableDnsSupport"},
    "ModifyVpcAttribute": {"EnableDnsSupport": {"Value": True}},
    "ModifySubnetAttribute": {"MapPublicIpOnLaunch": {"Value": True}},
    "ModifyInstanceAttribute": {"DisableApiStop": {"Value": True}},
    "DescribeNetworkInterfaceAttribute": {"Attribute": "description"},
    "ModifyNetworkInterfaceAttribute": {"Description": {"Value": "other"}},
    "AuthorizeSecurityGroupEgress": {"IpPermissions": PERMISSION},
    "AuthorizeSecurityGroupIngress": {"IpPermissions": PERMISSION},
    "RevokeSecurityGroupIngress": {"IpPermissions": PRESENT_PERMISSION},
    "UpdateSecurityGroupRuleDescriptionsIngress": {"IpPermissions": PRESENT_PERMISSION},
    "CreateVpc": {"CidrBlock": "10.9.0.0/16"},
    "CreateSubnet": {"CidrBlock": "10.0.240.0/20"},
    "CreateDefaultSubnet": {"AvailabilityZone": "us-east-1a"},
    "CreateRoute": {"DestinationCidrBlock": "192.0.2.0/24"},
    "DeleteRoute": {"DestinationCidrBlock": OUT},
    "ReplaceRoute": {"DestinationCidrBlock": OUT},
    "CreateVpcEndpoint": {"VpcEndpointType": "Interface"},
    "CreateVpcEndpointConnectionNotification": {"ConnectionEvents": ["Accept"]},
    "ModifyVpcEndpointConnectionNotification": {"ConnectionEvents": ["Reject"]},
    "ModifyVpcEndpointServiceConfiguration": {"AcceptanceRequired": False},
    "ModifyVpcEndpointServicePayerResponsibility": {"PayerResponsibility": "ServiceOwner"},
    "ModifyVpcEndpointServicePermissions": {"AddAllowedPrincipals": ["arn:aws:iam::999999999999:root"]},
    "ModifyVpcEndpoint": {"PolicyDocument": POLICY},
    "AddTags": {"Tags": TAGS},
    "RemoveTags": {"TagKeys": ["colour"]},
    "CreateLoadBalancer": {"Name": "another", "Type": "network", "Scheme": "internal"},
    "CreateTargetGroup": {"Name": "another", "Protocol": "TCP", "Port": 81, "TargetType": "ip"},
    "CreateListener": {"Protocol": "TCP", "Port": 81},
    "ModifyListener": {"Port": 82},
    "ModifyListenerAttributes": {"Attributes": [{"Key": "tcp.idle_timeout.seconds", "Value": "300"}]},
    "ModifyLoadBalancerAttributes": {"Attributes": [{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}]},
    "ModifyTargetGroupAttributes": {"Attributes": [{"Key": "preserve_client_ip.enabled", "Value": "false"}]},
    "ModifyTargetGroup": {"HealthCheckIntervalSeconds": 20},
    "SetIpAddressType": {"IpAddressType": "ipv4"},
    "CreateRule": {
        "Conditions": [{"Field": "path-pattern", "Values": ["/a"]}],
        "Priority": 1,
        "Actions": [{"Type": "forward"}],
    },
    "ModifyRule": {"Actions": [{"Type": "forward"}]},
    "SetRulePriorities": {"RulePriorities": [{"Priority": 2}]},
    "CheckIfPhoneNumberIsOptedOut": {"phoneNumber": "+15555550100"},
    "OptInPhoneNumber": {"phoneNumber": "+15555550100"},
    "UpdateAccessKey": {"Status": "Inactive"},
    "CreateAccountAlias": {"AccountAlias": "another-alias"},
    "DeleteAccountAlias": {"AccountAlias": "another-alias"},
    "CreateInstanceProfile": {"InstanceProfileName": "another"},
    "UploadServerCertificate": {"ServerCertificateName": "another", **CERTIFICATE},
    "UpdateServerCertificate": {"NewPath": "/other/"},
    "TagServerCertificate": {"Tags": TAGS},
    "UntagServerCertificate": {"TagKeys": ["team"]},
    "CreatePolicy": {"PolicyName": "another", "PolicyDocument": POLICY},
    "CreatePolicyVersion": {"PolicyDocument": POLICY},
    "DeletePolicyVersion": {"VersionId": "v1"},
    "GetPolicyVersion": {"VersionId": "v1"},
    "SetDefaultPolicyVersion": {"VersionId": "v1"},
    "TagRole": {"Tags": TAGS},
    "TagUser": {"Tags": TAGS},
    "UntagRole": {"TagKeys": ["team"]},
    "UntagUser": {"TagKeys": ["team"]},
    "TagPolicy": {"Tags": TAGS},
    "TagInstanceProfile": {"Tags": TAGS},
    "UntagPolicy": {"TagKeys": ["team"]},
    "UntagInstanceProfile": {"TagKeys": ["team"]},
    "UpdateRole": {"Description": "other"},
    "UpdateRoleDescription": {"Description": "other"},
    "UpdateUser": {"NewPath": "/other/"},
    "GetFederationToken": {"Name": "somebody"},
    "CreateRole": {"RoleName": "another", "AssumeRolePolicyDocument": TRUST},
    "DeleteRolePolicy": {"PolicyName": "inline"},
    "GetRolePolicy": {"PolicyName": "inline"},
    "PutRolePolicy": {"PolicyName": "inline", "PolicyDocument": POLICY},
    "UpdateAssumeRolePolicy": {"PolicyDocument": TRUST},
    "CreateUser": {"UserName": "another"},
    "DeleteUserPolicy": {"PolicyName": "inline"},
    "GetUserPolicy": {"PolicyName": "inline"},
    "PutUserPolicy": {"PolicyName": "inline", "PolicyDocument": POLICY},
    "Publish": {"Message": "hello"},
    "PublishBatch": {"PublishBatchRequestEntries": [{"Id": "1", "Message": "hello"}]},
    "ConfirmSubscription": {"Token": "a" * 64},
    "GetSubscriptionAttributes": {},
    "SetSubscriptionAttributes": {"AttributeName": "RawMessageDelivery", "AttributeValue": "true"},
    "Subscribe": {"Protocol": "email", "Endpoint": "a@example.com"},
    "TagResource": {"Tags": TAGS},
    "UntagResource": {"TagKeys": ["colour"]},
    "AddPermission": {"Label": "one", "AWSAccountId": ["999999999999"], "ActionName": ["Publish"]},
    "CreateTopic": {"Name": "another"},
    "RemovePermission": {"Label": "one"},
    "SetTopicAttributes": {"AttributeName": "DisplayName", "AttributeValue": "news"},
    "AssumeRole": {"RoleSessionName": "session"},
    "GetMetricData": {"MetricDataQueries": [{"Id": "a", "MetricStat": METRIC_STAT}], **TODAY},
    "GetMetricStatistics": {**METRIC, **TODAY, "Period": 60, "Statistics": ["Sum"]},
}
"""What an operation needs besides the ids of things that are there."""

NEEDED: Mapping[str, tuple[str, ...]] = {
    "CreateRoute": ("GatewayId",),
    "ReplaceRoute": ("GatewayId",),
    "CreateVpcEndpoint": ("ServiceName", "SubnetIds"),
    "CreateVpcEndpointConnectionNotification": ("ServiceId",),
    "RunInstances": ("SubnetId",),
    "CreateSecurityGroup": ("VpcId",),
    "DeleteSecurityGroup": ("GroupId",),
    "AuthorizeSecurityGroupIngress": ("GroupId",),
    "RevokeSecurityGroupIngress": ("GroupId",),
    "UpdateSecurityGroupRuleDescriptionsIngress": ("GroupId",),
    "CreateLoadBalancer": ("Subnets",),
    "SetSubnets": ("Subnets",),
    "CreateTargetGroup": ("VpcId",),
    "CreateVpcEndpointServiceConfiguration": ("NetworkLoadBalancerArns",),
    "AssociateRouteTable": ("SubnetId",),
    "DescribeListeners": ("LoadBalancerArn",),
    "DescribeRules": ("ListenerArn",),
    "Publish": ("TopicArn",),
    "GetUser": ("UserName",),
    "DeleteAccessKey": ("UserName",),
    "UpdateAccessKey": ("UserName",),
}
"""Parameters that botocore does not call required, of which one is needed all the same."""


INSTEAD_OF = {
    ("CreateRoute", "DestinationPrefixListId"): "DestinationCidrBlock",
    ("DeleteRoute", "DestinationPrefixListId"): "DestinationCidrBlock",
    ("ReplaceRoute", "DestinationPrefixListId"): "DestinationCidrBlock",
    ("CreateRoute", "VpcEndpointId"): "GatewayId",
    ("CreateRoute", "InstanceId"): "GatewayId",
    ("CreateRoute", "NetworkInterfaceId"): "GatewayId",
    ("ReplaceRoute", "VpcEndpointId"): "GatewayId",
    ("ReplaceRoute", "InstanceId"): "GatewayId",
    ("ReplaceRoute", "NetworkInterfaceId"): "GatewayId",
    ("RunInstances", "NetworkInterfaces"): "SubnetId",
    ("CreateVpcEndpointConnectionNotification", "VpcEndpointId"): "ServiceId",
    ("DescribeListeners", "ListenerArns"): "LoadBalancerArn",
    ("DescribeRules", "RuleArns"): "ListenerArn",
    ("CreateLoadBalancer", "SubnetMappings"): "Subnets",
    ("SetSubnets", "SubnetMappings"): "Subnets",
    ("Publish", "TargetArn"): "TopicArn",
    ("AssociateRouteTable", "GatewayId"): "SubnetId",
    ("ModifyInstanceAttribute", "Groups"): "DisableApiStop",
}
"""(operation, parameter) -> the parameter in whose place it stands."""


def request_with(service: str, operation: str, have: Mapping[str, str], path: Path, value: str) -> dict[str, Any]:
    """A request of an account that has these things, but with this value at the path."""
    shape = botocore_model(service, operation).input_shape
    assert shape is not None
    request = request_for(service, operation, shape, have)
    request.pop(INSTEAD_OF.get((operation, path[0]), ""), None)
    if path[0] == "NetworkInterfaces":
        here = {} if path[-1] == "NetworkInterfaceId" else {"SubnetId": have["subnet"]}
        request["NetworkInterfaces"] = [{"DeviceIndex": 0, **here}]
    if path[-1] == "CertificateArn" and operation == "CreateListener":
        request["Protocol"] = "TLS"
    if path == ("LookupAttributes", "AttributeValue"):
        request["LookupAttributes"] = [{"AttributeKey": "ResourceName"}]
    if "UserIdGroupPairs" in path:
        request["IpPermissions"] = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2}]
    if operation == "ModifySecurityGroupRules" and path[-1] in ("ReferencedGroupId", "PrefixListId"):
        del request["SecurityGroupRules"][0]["SecurityGroupRule"]["CidrIpv4"]
    return with_value(shape, request, path, value)


def request_for(service: str, operation: str, shape: Shape | None, have: Mapping[str, str]) -> dict[str, Any]:
    """A request of an account that has these things, which is well-formed; most succeed."""
    request: dict[str, Any] = dict(MORE.get(operation, {}))
    if shape is None:
        return request
    for path, kind in named_things(service, operation, shape):
        needed = path[0] in shape.required_members or path[0] in NEEDED.get(operation, ())
        if needed and len(path) == 1 and path[0] not in request:
            request = with_value(shape, request, path, have[kind])
    if operation in ("CreateListener", "ModifyListener"):
        request["DefaultActions"] = [{"Type": "forward", "TargetGroupArn": have["target_group"]}]
    if operation in ("RegisterTargets", "DeregisterTargets"):
        request["Targets"] = [{"Id": have["instance"]}]
    if operation in ("AddListenerCertificates", "RemoveListenerCertificates"):
        request["Certificates"] = [{"CertificateArn": have["certificate_arn"]}]
    if operation == "UpdateSecurityGroupRuleDescriptionsEgress":
        request["SecurityGroupRuleDescriptions"] = [{"SecurityGroupRuleId": have["rule"], "Description": "d"}]
    if operation == "ModifySecurityGroupRules":
        rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "CidrIpv4": "10.0.0.0/8"}
        request["SecurityGroupRules"] = [{"SecurityGroupRuleId": have["rule"], "SecurityGroupRule": rule}]
    return request
