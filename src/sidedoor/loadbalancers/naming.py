"""Names, ARNs and DNS names of load balancers, target groups and listeners. Pure.

Rules for names: ELBv2 API reference, CreateLoadBalancer and CreateTargetGroup, ``Name``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from sidedoor import errors
from sidedoor.ids import Arn

SERVICE = "elasticloadbalancing"
LONGEST_NAME = 32


_TARGET_GROUP_NAME = r"(?!.*--)(?!^-)(?!.*-$)^[A-Za-z0-9-]+$"


def check_load_balancer_name(name: str) -> None:
    """Raises ``ValidationError`` for a name that a load balancer cannot have."""
    if not name:
        raise errors.ValidationError("A load balancer name must be specified")
    subject = f"The load balancer name '{name}'"
    _check_letters(name, subject, "alphanumeric characters and hyphens(-)")
    if name.startswith("internal-"):
        raise errors.ValidationError(f"{subject} cannot begin with 'internal-'")
    if name.startswith("-"):
        raise errors.ValidationError(f"{subject} cannot begin with a hyphen(-)")
    if name.endswith("-"):
        raise errors.ValidationError(f"{subject} cannot end with a hyphen(-)")


def check_target_group_name(name: str) -> None:
    """Raises ``ValidationError`` for a name that a target group cannot have. It has no two hyphens in a row either."""
    if not name:
        raise errors.ValidationError("A target group name must be specified")
    _check_letters(name, f"Target group name '{name}'", "alphanumeric characters or hyphens(-)")
    if not re.search(_TARGET_GROUP_NAME, name):
        raise errors.ValidationError(
            f"1 validation error detected: Value '{name}' at 'targetGroup.targetGroupArn.targetGroupName' failed to satisfy "
            f"constraint: Member must satisfy regular expression pattern: {_TARGET_GROUP_NAME}"
        )


def _check_letters(name: str, subject: str, letters: str) -> None:
    if len(name) > LONGEST_NAME:
        raise errors.ValidationError(f"{subject} cannot be longer than '{LONGEST_NAME}' characters")
    if not re.fullmatch(r"[A-Za-z0-9-]+", name):
        raise errors.ValidationError(f"{subject} can only contain characters that are {letters}")


def load_balancer_resource(name: str, suffix: str) -> str:
    """The last part of a load balancer's ARN; ``suffix`` is 16 hex digits."""
    return f"loadbalancer/net/{name}/{suffix}"


def target_group_resource(name: str, suffix: str) -> str:
    return f"targetgroup/{name}/{suffix}"


def listener_resource(load_balancer_id: str, suffix: str) -> str:
    """A listener's ARN repeats its load balancer's name and suffix."""
    return f"listener/{_after(load_balancer_id, 'loadbalancer/')}/{suffix}"


def default_rule_id(listener_id: str) -> str:
    """The ARN of a listener's default rule, the only one that it has; always the same for the same listener."""
    suffix = hashlib.sha256(listener_id.encode()).hexdigest()[:16]
    return f"{listener_id.replace(':listener/', ':listener-rule/', 1)}/{suffix}"


def listener_of_rule(rule_id: str) -> str:
    """The ARN of the listener to which a rule's ARN belongs."""
    return rule_id.rpartition("/")[0].replace(":listener-rule/", ":listener/", 1)


def node_description(load_balancer_id: str) -> str:
    """The description of a load balancer's interfaces, by which clients look for them: ``ELB net/<name>/<suffix>``."""
    return f"ELB {_after(load_balancer_id, 'loadbalancer/')}"


def dns_name(name: str, suffix: str, region: str) -> str:
    return f"{name}-{suffix}.elb.{region}.amazonaws.com"


def _after(arn: str, prefix: str) -> str:
    return arn.rpartition(prefix)[2]


_SUFFIX = r"[0-9a-f]{16}"
_NAME = r"[A-Za-z0-9-]+"

LOAD_BALANCER = re.compile(rf"loadbalancer/(?:app|net|gwy)/{_NAME}/{_SUFFIX}")
TARGET_GROUP = re.compile(rf"targetgroup/{_NAME}/{_SUFFIX}")
LISTENER = re.compile(rf"listener/(?:app|net|gwy)/{_NAME}/{_SUFFIX}/{_SUFFIX}")
RULE = re.compile(rf"listener-rule/(?:app|net|gwy)/{_NAME}/{_SUFFIX}/{_SUFFIX}/{_SUFFIX}")


def is_arn(text: str, resource: re.Pattern[str], account: str, region: str) -> bool:
    """Whether ``text`` is an ARN of such a resource in this account and region.

    ELBv2 calls an ARN of another account or region invalid, not unknown (github.com/aws/aws-cli/issues/3673).
    """
    arn = Arn.parse(text)
    if arn is None or (arn.service, arn.region, arn.account) != (SERVICE, region, account):
        return False
    return resource.fullmatch(arn.resource) is not None


HOSTED_ZONES: Mapping[str, str] = {
    "af-south-1": "Z203XCE67M25HM",
    "ap-east-1": "Z12Y7K3UBGUAD1",
    "ap-northeast-1": "Z31USIVHYNEOWT",
    "ap-northeast-2": "ZIBE1TIR4HY56",
    "ap-northeast-3": "Z1GWIQ4HH19I5X",
    "ap-south-1": "ZVDDRBQ08TROA",
    "ap-southeast-1": "ZKVM4W9LS7TM",
    "ap-southeast-2": "ZCT6FZBF4DROD",
    "ca-central-1": "Z2EPGBW3API2WT",
    "eu-central-1": "Z3F0SRJ5LGBH90",
    "eu-north-1": "Z1UDT6IFJ4EJM",
    "eu-south-1": "Z23146JA1KNAFP",
    "eu-west-1": "Z2IFOLAFXWLO4F",
    "eu-west-2": "ZD4D7Y8KGAS4G",
    "eu-west-3": "Z1CMS0P5QUZ6D5",
    "me-south-1": "Z3QSRYVP46NYYV",
    "sa-east-1": "ZTK26PT1VY4CU",
    "us-east-1": "Z26RNL4JYFTOTI",
    "us-east-2": "ZLMOA37VPKANP",
    "us-west-1": "Z24FKFUX50B4VW",
    "us-west-2": "Z18D5FSROUN65G",
}
"""Region -> ``CanonicalHostedZoneId`` of network load balancers (AWS General Reference, "Elastic Load Balancing endpoints")."""
