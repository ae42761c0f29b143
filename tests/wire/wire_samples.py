"""Inputs and outputs made from botocore's shapes, and botocore itself as the other end of the wire."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from botocore.awsrequest import AWSRequest
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from sidedoor.aws import models

LIFECYCLE = {
    "ec2": """
        AssociateRouteTable AttachInternetGateway AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress
        CreateInternetGateway CreateNetworkAclEntry CreateNetworkInterface CreateRoute CreateRouteTable CreateSecurityGroup
        CreateSubnet CreateTags CreateVpc DeleteInternetGateway DeleteNetworkAclEntry DeleteNetworkInterface DeleteRoute
        DeleteRouteTable DeleteSecurityGroup DeleteSubnet DeleteTags DeleteVpc DescribeAvailabilityZones
        DescribeInternetGateways DescribeNetworkAcls DescribeNetworkInterfaces DescribePrefixLists DescribeRegions
        DescribeRouteTables DescribeSecurityGroupRules DescribeSecurityGroups DescribeSubnets DescribeTags
        DescribeVpcAttribute DescribeVpcs DetachInternetGateway DisassociateRouteTable ModifySubnetAttribute
        ModifyVpcAttribute RevokeSecurityGroupEgress RevokeSecurityGroupIngress
    """,
    "elbv2": """
        AddTags CreateListener CreateLoadBalancer CreateTargetGroup DeleteListener DeleteLoadBalancer DeleteTargetGroup
        DeregisterTargets DescribeCapacityReservation DescribeListenerAttributes DescribeListeners
        DescribeLoadBalancerAttributes DescribeLoadBalancers DescribeTags DescribeTargetGroupAttributes DescribeTargetGroups
        DescribeTargetHealth ModifyListener ModifyListenerAttributes ModifyLoadBalancerAttributes ModifyTargetGroup
        ModifyTargetGroupAttributes RegisterTargets RemoveTags SetSecurityGroups SetSubnets
    """,
    "sns": """
        ConfirmSubscription CreateTopic DeleteTopic GetSubscriptionAttributes GetTopicAttributes ListSubscriptionsByTopic
        ListTagsForResource ListTopics Publish PublishBatch SetSubscriptionAttributes SetTopicAttributes Subscribe
        TagResource Unsubscribe
    """,
    "sts": "AssumeRole GetCallerIdentity GetSessionToken",
    "iam": """
        CreateAccessKey CreateRole CreateUser DeleteAccessKey DeleteRole DeleteUser GetRole GetUser ListAccessKeys
        ListAccountAliases ListRolePolicies PutRolePolicy PutUserPolicy
    """,
}
"""What the clients of the chapter send, the EndpointService operations aside: of those, every one is tested."""


@cache
def described(service: str) -> ServiceModel:
    """botocore's model, whole."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def _operations(service: str) -> list[str]:
    of_endpoints = [name for name in described(service).operation_names if "VpcEndpoint" in name]
    return sorted({*LIFECYCLE[service].split(), *of_endpoints})


OPERATIONS = [(service, operation) for service in LIFECYCLE for operation in _operations(service)]

SERVICES = models.load({service: _operations(service) for service in LIFECYCLE})


def botocore_model(service: str, operation: str) -> OperationModel:
    return described(service).operation_model(operation)


def botocore_sends(service: str, operation: str, params: dict[str, Any]) -> str:
    """The form body in which botocore sends an input."""
    model = botocore_model(service, operation)
    request = create_serializer(model.service_model.resolved_protocol).serialize_to_request(params, model)
    body = AWSRequest(method="POST", url="http://localhost/", data=request["body"]).prepare().body
    return body.decode() if isinstance(body, bytes) else body


def botocore_reads(service: str, operation: str, body: bytes, status: int = 200) -> dict[str, Any]:
    """What botocore makes of a response. ``ResponseMetadata`` stays in."""
    model = botocore_model(service, operation)
    parser = create_parser(model.service_model.resolved_protocol)
    return parser.parse({"body": body, "headers": {}, "status_code": status}, model.output_shape)


def sample(shape: Shape, random: Random, *, thin: bool = False, depth: int = 0) -> Any:
    """A value of a shape that keeps the model's limits; ``thin`` leaves optional members out."""
    if shape.type_name == "structure":
        return _structure(shape, random, thin, depth)
    if shape.type_name == "list":
        return [sample(shape.member, random, thin=thin, depth=depth + 1) for _ in range(random.randint(1, 3))]
    if shape.type_name == "map":
        keys = {sample(shape.key, random) + str(number) for number in range(random.randint(1, 3))}
        return {key: sample(shape.value, random, thin=thin, depth=depth + 1) for key in sorted(keys)}
    return _SCALARS[shape.type_name](shape, random)


def _structure(shape: Shape, random: Random, thin: bool, depth: int) -> dict[str, Any]:
    optional = [name for name in shape.members if name not in shape.required_members]
    kept = [name for name in optional if not thin and depth < 6 and random.random() < (0.9 if depth < 2 else 0.5)]
    wanted = [*shape.required_members, *kept] or list(shape.members)[:1]
    return {name: sample(shape.members[name], random, thin=thin, depth=depth + 1) for name in wanted}


_TEXTS = (
    *("vpce-svc-03d5ebb7d9579a2b3", "arn:aws:iam::123456789012:role/some-role", "ABCDEFGHIJKLMNOPQRST", "123456789012"),
    *("a<b>&\"c' ]]> \ttab\nline\rreturn", "na\u00efve \u65e5\u672c\u8a9e \U0001f511", "+%2B&=;", " 7 ", "", "true"),
    *("abc", "name", "/", "/path/", "200", "301", "654321", "HTTPS", "ipv4pool-coip-0a", "ipam-pool-0a"),
)


def _text(shape: Shape, random: Random) -> str:
    limits = shape.metadata
    fitting = [text for text in _TEXTS if limits.get("min", 0) <= len(text) <= limits.get("max", 10**6)]
    if "pattern" in limits and r"\p" not in limits["pattern"]:
        pattern = re.compile(limits["pattern"], re.ASCII)
        fitting = [text for text in fitting if pattern.fullmatch(text)]
    assert fitting, f"no sample for {shape.name} {limits}"
    return random.choice(fitting)


def _whole(shape: Shape, random: Random) -> int:
    bits = 31 if shape.type_name == "integer" else 63
    return random.randint(int(shape.metadata.get("min", -(1 << bits))), int(shape.metadata.get("max", (1 << bits) - 1)))


def _time(shape: Shape, random: Random) -> datetime:
    return datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC) + timedelta(seconds=random.randint(0, 10**6))


_SCALARS: dict[str, Callable[[Shape, Random], Any]] = {
    "string": _text,
    "integer": _whole,
    "long": _whole,
    "boolean": lambda shape, random: random.random() < 0.5,
    "double": lambda shape, random: random.choice((0.0, -1.5, 1e-7, 12345.678)),
    "float": lambda shape, random: random.choice((0.0, -1.5, 12345.5)),
    "timestamp": _time,
    "blob": lambda shape, random: random.randbytes(random.randint(1, 9)),
}
