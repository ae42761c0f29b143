"""What IAM takes as a permission policy, and the sentence with which it refuses anything else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidedoor import errors
from sidedoor.identity.policies import create_policy
from sidedoor.identity.policy_grammar import check_policy
from sidedoor.identity.roles import create_role, put_role_policy

GOOD: dict[str, Any] = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}
SYNTAX = "Syntax errors in policy."


def text(*statements: object, **document: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **document})


@pytest.mark.parametrize(
    "policy",
    [
        text(GOOD),
        text(GOOD, Statement=GOOD),
        text(GOOD, Id="mine"),
        text(
            {
                **GOOD,
                "Action": ["s3:Get*", "*"],
                "Resource": ["*", "arn:*:s3:::b", "arn:aws-cn:s3:::b", "arn:aws-us-gov:s3:::b"],
            }
        ),
        text({"Sid": "One", "Effect": "Deny", "NotAction": "iam:*", "NotResource": "*"}, {**GOOD, "Sid": "Two"}),
        text({**GOOD, "Condition": {"StringLike": {"aws:PrincipalArn": ["a", "b"]}}}),
    ],
)
def test_a_policy_is_taken_as_it_is(policy: str) -> None:
    assert check_policy(policy) == check_policy(policy, managed=True) == policy


def test_a_managed_policy_names_the_newest_version(world: Any) -> None:
    for version in ({"Version": "2008-10-17"}, {}):
        older = json.dumps({**version, "Statement": GOOD})
        assert check_policy(older) == older
        with pytest.raises(errors.MalformedPolicyDocument, match="must be version 2012-10-17 or greater"):
            world.ask(create_policy, PolicyName="look", PolicyDocument=older)


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("no JSON", SYNTAX),
        pytest.param("[" * 100_000, SYNTAX, id="deep"),
        ("[]", SYNTAX),
        ("{}", SYNTAX),
        (text(), SYNTAX),
        (text("a"), SYNTAX),
        (text(GOOD, Version="2013-10-17"), SYNTAX),
        (text(GOOD, Id=["a"]), SYNTAX),
        (text(GOOD, Extra="a"), SYNTAX),
        (text({**GOOD, "Extra": "a"}), SYNTAX),
        (text({**GOOD, "Effect": "allow"}), SYNTAX),
        (text({**GOOD, "NotAction": "s3:*"}), SYNTAX),
        (text({**GOOD, "NotResource": "*"}), SYNTAX),
        (text({**GOOD, "Action": {}}), SYNTAX),
        (text({**GOOD, "Resource": [1]}), SYNTAX),
        (text({**GOOD, "Sid": "two words"}), SYNTAX),
        (text({**GOOD, "Condition": []}), SYNTAX),
        (text({**GOOD, "Condition": {"StringEquals": "a"}}), SYNTAX),
        (text({**GOOD, "Principal": "*"}), "Policy document should not specify a principal."),
        (text({**GOOD, "Action": "GetObject"}), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
        (text({**GOOD, "Action": "s3:Get:Object"}), "Actions/Condition can contain only one colon."),
        (text({**GOOD, "Action": "s 3:GetObject"}), "Vendor s 3 is not valid"),
        (text({**GOOD, "Action": []}), "Policy statement must contain actions."),
        (text({"Effect": "Allow", "Resource": "*"}), "Policy statement must contain actions."),
        (text({**GOOD, "Resource": []}), "Policy statement must contain resources."),
        (text({"Effect": "Allow", "Action": "*"}), "Policy statement must contain resources."),
        (text({**GOOD, "Resource": "bucket"}), 'Resource bucket must be in ARN format or "*".'),
        (text({**GOOD, "Resource": "arn:s3:::b"}), 'Partition "s3" is not valid for resource "arn:s3:::b:*".'),
        (text({**GOOD, "Resource": "arn:x:s3:::a:b"}), 'Partition "x" is not valid for resource "arn:x:s3:::a:b".'),
        (text({**GOOD, "Sid": "a"}, {**GOOD, "Sid": "a"}), "Statement IDs (SID) in a single policy must be unique."),
    ],
)
def test_what_is_no_policy_is_refused_in_the_words_of_iam(world: Any, policy: str, reason: str) -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    world.ask(create_role, RoleName="deployer", AssumeRolePolicyDocument=text(trust))
    for operation, request in (
        (create_policy, {"PolicyName": "look", "PolicyDocument": policy}),
        (put_role_policy, {"RoleName": "deployer", "PolicyName": "look", "PolicyDocument": policy}),
    ):
        with pytest.raises(errors.MalformedPolicyDocument) as caught:
            world.ask(operation, **request)
        assert caught.value.message == reason
