"""Terraform manages both sides of an endpoint: it applies, has nothing more to do, changes in place, imports and destroys.

The configuration in ``terraform/`` has every type of resource of this field. The tests follow each other as a user's
commands do, for each command takes a while: the provider itself waits for 60 s after it has associated or dissociated a
subnet, and for 30 s after it has made a load balancer.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from terraform_program import Terraform

from sidedoor.demo.system import System, processes_of, until

PUBLISHER, CONSUMER, OTHER = "111111111111", "222222222222", "333333333333"
CHANGED = {"changed": "true"}

Values = Mapping[str, Any]

NOT_IMPORTABLE = frozenset(
    {
        "aws_lb_target_group_attachment",
        "aws_main_route_table_association",
        "aws_vpc_endpoint_security_group_association",
        "aws_vpc_endpoint_service_allowed_principal",
        "aws_vpc_endpoint_service_private_dns_verification",
    }
)
"""The provider has no import for these ("This resource does not support import")."""

IMPORTED_BY: Mapping[str, Callable[[Values], str]] = {
    "aws_default_route_table": lambda one: one["vpc_id"],
    "aws_network_acl_rule": lambda one: (
        f"{one['network_acl_id']}:{one['rule_number']}:{one['protocol']}:{one['egress']}".lower()
    ),
    "aws_route": lambda one: f"{one['route_table_id']}_{one['destination_cidr_block']}",
    "aws_route_table_association": lambda one: f"{one['subnet_id']}/{one['route_table_id']}",
    "aws_iam_role_policy_attachment": lambda one: f"{one['role']}/{one['policy_arn']}",
    "aws_security_group_rule": lambda one: (
        f"{one['security_group_id']}_{one['type']}_{one['protocol']}_{one['from_port']}_{one['to_port']}_self"
    ),
    "aws_vpc_endpoint_subnet_association": lambda one: f"{one['vpc_endpoint_id']}/{one['subnet_id']}",
}
"""How an id for import is made, where it is not the resource's ``id``."""


NOT_READ: Mapping[str, set[str]] = {
    "aws_instance": {"user_data_replace_on_change"},
    "aws_lb_listener": {"default_action"},
    "aws_sns_topic_subscription": {"confirmation_timeout_in_minutes", "endpoint_auto_confirms"},
}
"""What the provider does not learn from AWS: its own switches, and in which of two forms an action was written."""


@dataclass(frozen=True)
class Offer:
    """A service of a third account that stands before Terraform begins."""

    name: str
    service_id: str
    balancer_arn: str


@pytest.fixture(scope="module")
def offer(system: System) -> Offer:
    """So that what waits inside the provider need not wait for the load balancer as well."""
    ec2, elb = client(system, OTHER, "ec2"), client(system, OTHER, "elbv2")
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
    made = elb.create_load_balancer(Name="other", Type="network", Scheme="internal", Subnets=subnets)["LoadBalancers"][0]
    service = ec2.create_vpc_endpoint_service_configuration(
        NetworkLoadBalancerArns=[made["LoadBalancerArn"]], AcceptanceRequired=False
    )["ServiceConfiguration"]
    ec2.modify_vpc_endpoint_service_permissions(ServiceId=service["ServiceId"], AddAllowedPrincipals=["*"])
    return Offer(service["ServiceName"], service["ServiceId"], made["LoadBalancerArn"])


@pytest.fixture(scope="module")
def applied(terraform: Terraform, offer: Offer) -> Terraform:
    configured = Terraform(terraform.directory, terraform.provider, {**terraform.variables, "other_service_name": offer.name})
    configured.apply()
    return configured


def client(system: System, account: str, service: str) -> Any:
    session = boto3.Session(aws_access_key_id=account, aws_secret_access_key="anything", region_name="us-east-1")
    return system.client(session, service)


def networks_of(system: System) -> set[str]:
    """The VPCs that stand on the host, as the agent's own mount namespace has them."""
    (agent,) = (one.pid for one in processes_of(system.state) if " agent --state" in one.command)
    places = (Path(f"/proc/{agent}/root") / system.state.relative_to("/") / "run/netns", system.state / "loopback")
    return {path.stem for place in places if place.exists() for path in place.iterdir() if path.name.startswith("vpc-")}


def resources(state: Values) -> list[dict[str, Any]]:
    return [one for one in state["values"]["root_module"]["resources"] if one["mode"] == "managed"]


def changes_of(plan: Values) -> dict[str, dict[str, Any]]:
    """The address of each resource of a plan -> what would become of it."""
    return {one["address"]: one["change"] for one in plan["resource_changes"] if one["mode"] == "managed"}


def differences(change: Values) -> set[str]:
    """The attributes that a planned change would change."""
    before, after = change["before"] or {}, change["after"] or {}
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def test_after_an_apply_there_is_nothing_to_do(applied: Terraform) -> None:
    applied.has_nothing_to_do()


def test_the_data_sources_find_what_was_made(applied: Terraform) -> None:
    seen = applied.outputs()["seen"]
    assert seen.pop("endpoint") == "available"
    assert seen.pop("route").startswith("igw-")
    assert seen.pop("instance_public") == ""
    assert set(seen.values()) == {True}, seen


def test_a_change_is_made_in_place(applied: Terraform) -> None:
    actions = Counter(applied.planned_actions(**CHANGED).values())
    assert set(actions) == {"update"}, actions
    assert actions["update"] >= 30
    applied.apply_planned()
    applied.has_nothing_to_do(**CHANGED)


def test_what_stands_can_be_imported(applied: Terraform, tmp_path: Path) -> None:
    """Into an empty state: all of it is found as the configuration says, so that nothing would be changed."""
    standing = [one for one in resources(applied.shown()) if one["type"] not in NOT_IMPORTABLE]
    for path in applied.directory.glob("*.tf"):
        shutil.copy(path, tmp_path)
    blocks = [{"to": one["address"], "id": IMPORTED_BY.get(one["type"], by_id)(one["values"])} for one in standing]
    text = "".join(f"import {{\n  to = {block['to']}\n  id = {json.dumps(block['id'])}\n}}\n" for block in blocks)
    (tmp_path / "imports.tf").write_text(text)
    fresh = Terraform(tmp_path, applied.provider, applied.variables)
    changes = changes_of(fresh.planned(**CHANGED))
    imported = {address for address, change in changes.items() if "importing" in change}
    assert imported == {one["address"] for one in standing}
    changed = {address: differences(changes[address]) for address in imported if changes[address]["actions"] != ["no-op"]}
    assert changed == {address: NOT_READ.get(address.partition(".")[0]) for address in changed}
    assert all(changes[address]["actions"] in (["no-op"], ["update"]) for address in imported)


def by_id(values: Values) -> str:
    found: str = values["id"]
    return found


def test_a_destroy_leaves_nothing(applied: Terraform, system: System, offer: Offer) -> None:
    assert applied.standing()
    applied.destroy(**CHANGED)
    assert (applied.standing(), applied.outputs()) == ([], {})
    for account in (PUBLISHER, CONSUMER):
        assert left(system, account) == {}
    client(system, OTHER, "ec2").delete_vpc_endpoint_service_configurations(ServiceIds=[offer.service_id])
    client(system, OTHER, "elbv2").delete_load_balancer(LoadBalancerArn=offer.balancer_arn)
    until(lambda: not networks_of(system), "no network stands on the host any more")


def left(system: System, account: str) -> dict[str, Any]:
    """What an account has, beyond that with which each begins: its default VPC."""
    ec2, elb, sns, iam = (client(system, account, name) for name in ("ec2", "elbv2", "sns", "iam"))
    (default,) = (vpc["VpcId"] for vpc in ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"])
    instances = [one["Instances"][0] for one in ec2.describe_instances()["Reservations"]]
    described = {
        "vpcs": [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if vpc["VpcId"] != default],
        "subnets": [one for one in ec2.describe_subnets()["Subnets"] if one["VpcId"] != default],
        "groups": [one for one in ec2.describe_security_groups()["SecurityGroups"] if one["VpcId"] != default],
        "route tables": [one for one in ec2.describe_route_tables()["RouteTables"] if one["VpcId"] != default],
        "network ACLs": [one for one in ec2.describe_network_acls()["NetworkAcls"] if one["VpcId"] != default],
        "interfaces": ec2.describe_network_interfaces()["NetworkInterfaces"],
        "instances": [one for one in instances if one["State"]["Name"] != "terminated"],
        "endpoints": ec2.describe_vpc_endpoints()["VpcEndpoints"],
        "services": ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"],
        "notifications": ec2.describe_vpc_endpoint_connection_notifications()["ConnectionNotificationSet"],
        "load balancers": elb.describe_load_balancers()["LoadBalancers"],
        "target groups": elb.describe_target_groups()["TargetGroups"],
        "topics": sns.list_topics()["Topics"],
        "subscriptions": sns.list_subscriptions()["Subscriptions"],
        "users": iam.list_users()["Users"],
        "roles": iam.list_roles()["Roles"],
        "profiles": iam.list_instance_profiles()["InstanceProfiles"],
        "policies": iam.list_policies(Scope="Local")["Policies"],
    }
    return {what: found for what, found in described.items() if found}


def test_nothing_that_terraform_needs_is_missing(applied: Terraform, system: System) -> None:
    """Terraform asks for what is gone, to see that it is, and what firmware an image has, which may be refused. Every other
    refusal would be something that we lack.
    """
    calls = re.findall(r" action=api\.call .*? operation=(\w+) .*? code=([\w.]+)", (system.state / "up.log").read_text())
    assert len(calls) > 500
    refused = {(operation, code) for operation, code in calls if not re.search("^None$|NotFound|NoSuchEntity", code)}
    assert refused <= {("GetInstanceUefiData", "InvalidAction")}
