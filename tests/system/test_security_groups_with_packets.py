"""Security groups of endpoints and of load balancers, with bytes: who comes in, how soon, and what stays.

A rule counts for new connections within a second of the call that made it, and no connection that stands is cut.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from rules_lab import AZ1, PROGRAMS, Account

from sidedoor.demo.system import System, running, until

PORT = 5432
SOON = 1.0
"""Seconds."""


@pytest.fixture(scope="module")
def system(network: str) -> Iterator[System]:
    with running("--dev", "--network", network) as started:
        if network == "auto" and started.placement["mode"] == "loopback":
            pytest.skip("network namespaces are not possible here (neither root nor user namespaces): sidedoor doctor says why")
        yield started


class Visitor:
    """A program that knocks at doors from inside an interface of the consumer's, in these security groups."""

    def __init__(self, account: Account, *group_ids: str) -> None:
        request = {"Groups": list(group_ids)} if group_ids else {}
        made = account.ec2.create_network_interface(SubnetId=account.subnet(AZ1), **request)["NetworkInterface"]
        self.interface, self.address = made["NetworkInterfaceId"], made["PrivateIpAddress"]
        self._ec2, self._system = account.ec2, account.system
        self._program: subprocess.Popen[str] | None = None

    def start(self) -> None:
        arguments = ["exec", "--state", str(self._system.state), self.interface, "--", sys.executable, str(PROGRAMS), "visit"]
        self._program = subprocess.Popen(
            [sys.executable, "-m", "sidedoor", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def stop(self) -> None:
        if self._program is not None:
            self._program.communicate()

    def _tell(self, *words: str) -> str:
        assert self._program is not None
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(" ".join(words) + "\n")
        self._program.stdin.flush()
        outcome: str = json.loads(self._program.stdout.readline())["outcome"]
        return outcome

    def comes_in(self, door: str, source: str = "own") -> bool:
        outcome = self._tell("knock", source, door, str(PORT))
        assert outcome in ("greeted", "closed", "ConnectionResetError")
        return outcome == "greeted"

    def stays(self, door: str) -> None:
        assert self._tell("stay", "own", door, str(PORT)) == "greeted"

    def is_still_there(self) -> bool:
        return self._tell("speak") == "alive"

    def join(self, *group_ids: str) -> None:
        self._ec2.modify_network_interface_attribute(NetworkInterfaceId=self.interface, Groups=list(group_ids))


@dataclass
class Site:
    """A provider with a server that speaks first, behind two load balancers, of which one has security groups; and a consumer
    with an endpoint to each. ``door``: of ``endpoint``, which has the VPC's default group; ``guarded``: of the one that lets
    everybody in, to the load balancer with the group ``front``.
    """

    provider: Account
    consumer: Account
    served: Any
    default: str
    apps: str
    front: str
    balancer: str
    endpoint: str
    door: str
    guarded: str
    member: Visitor
    stranger: Visitor

    def heard(self) -> int:
        """How many connections have reached the server."""
        return self.served.read_text().count("peer")


def group(account: Account, name: str) -> str:
    made: str = account.ec2.create_security_group(GroupName=name, Description=name, VpcId=account.vpc)["GroupId"]
    return made


def default_group(account: Account) -> str:
    filters = [{"Name": "vpc-id", "Values": [account.vpc]}, {"Name": "group-name", "Values": ["default"]}]
    found: str = account.ec2.describe_security_groups(Filters=filters)["SecurityGroups"][0]["GroupId"]
    return found


def traffic(**source: Any) -> dict[str, Any]:
    """A permission for the listener's port."""
    return {"IpPermissions": [{"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, **source}]}


def block(cidr: str) -> dict[str, Any]:
    return traffic(IpRanges=[{"CidrIp": cidr}])


def service(provider: Account, name: str, server: str, group_ids: list[str]) -> tuple[str, str]:
    """(load balancer's ARN, name of the service) of a new load balancer in front of the server."""
    elb, ec2 = provider.elb, provider.ec2
    request = {"Name": name, "Type": "network", "Scheme": "internal", "Subnets": [provider.subnet(AZ1)]}
    if group_ids:
        request["SecurityGroups"] = group_ids
    balancer: str = elb.create_load_balancer(**request)["LoadBalancers"][0]["LoadBalancerArn"]
    target_group = elb.create_target_group(Name=name, Protocol="TCP", Port=PORT, VpcId=provider.vpc, TargetType="ip")
    arn = target_group["TargetGroups"][0]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": server}])
    forward = {"Type": "forward", "TargetGroupArn": arn}
    elb.create_listener(LoadBalancerArn=balancer, Protocol="TCP", Port=PORT, DefaultActions=[forward])
    made = ec2.create_vpc_endpoint_service_configuration(NetworkLoadBalancerArns=[balancer], AcceptanceRequired=False)
    found = made["ServiceConfiguration"]
    ec2.modify_vpc_endpoint_service_permissions(ServiceId=found["ServiceId"], AddAllowedPrincipals=["*"])
    return balancer, found["ServiceName"]


def endpoint(consumer: Account, service_name: str, **request: Any) -> dict[str, Any]:
    made: dict[str, Any] = consumer.ec2.create_vpc_endpoint(
        VpcEndpointType="Interface", VpcId=consumer.vpc, ServiceName=service_name, SubnetIds=[consumer.subnet(AZ1)], **request
    )["VpcEndpoint"]
    return made


def door_of(consumer: Account, made: dict[str, Any]) -> str:
    """Where a new endpoint's interface is, once the endpoint is available."""
    ec2 = consumer.ec2

    def available() -> bool:
        found = ec2.describe_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])["VpcEndpoints"][0]
        return bool(found["State"] == "available")

    until(available, "the endpoint is available")
    interface = ec2.describe_network_interfaces(NetworkInterfaceIds=made["NetworkInterfaceIds"])["NetworkInterfaces"][0]
    address: str = interface["PrivateIpAddress"]
    return consumer.system.addresses().get(f"{consumer.vpc}/{address}", address)


@pytest.fixture(scope="module")
def site(system: System) -> Iterator[Site]:
    provider, consumer = Account(system), Account(system)
    server, address = provider.workload(AZ1)
    placed = until(lambda: _placed(system, provider, server, address), "the server's interface stands")
    served = system.state / "served.log"
    system.start(server, sys.executable, str(PROGRAMS), "greet", placed, str(PORT), log=served)
    until(lambda: "ready" in served.read_text(), "the server listens")
    front, apps = group(provider, "front"), group(consumer, "apps")
    _, plain = service(provider, "plain", address, [])
    balancer, asked = service(provider, "asked", address, [front])
    everybody = group(consumer, "everybody")
    consumer.ec2.authorize_security_group_ingress(GroupId=everybody, **block("0.0.0.0/0"))
    ends = [endpoint(consumer, plain), endpoint(consumer, asked, SecurityGroupIds=[everybody])]
    visitors = [Visitor(consumer), Visitor(consumer, apps)]
    doors = [door_of(consumer, one) for one in ends]
    for one in visitors:
        one.start()
    default = default_group(consumer)
    yield Site(provider, consumer, served, default, apps, front, balancer, ends[0]["VpcEndpointId"], *doors, *visitors)
    for one in visitors:
        one.stop()


def _placed(system: System, account: Account, interface: str, address: str) -> str | None:
    if system.placement["mode"] == "loopback":
        return system.addresses().get(f"{account.vpc}/{address}")
    return address


def test_the_default_group_lets_its_members_in_and_nobody_else(site: Site) -> None:
    assert site.member.comes_in(site.door)
    before = site.heard()
    assert not site.stranger.comes_in(site.door)
    assert site.heard() == before, "the server hears nothing of who is not let in"


def test_an_allowed_block_comes_in_within_a_second_and_keeps_its_flow_when_it_is_revoked(site: Site) -> None:
    ec2, own = site.consumer.ec2, block(f"{site.stranger.address}/32")
    other_port = {"IpPermissions": [own["IpPermissions"][0] | {"FromPort": PORT + 1, "ToPort": 65535}]}
    ec2.authorize_security_group_ingress(GroupId=site.default, **other_port)
    assert not site.stranger.comes_in(site.door)
    ec2.authorize_security_group_ingress(GroupId=site.default, **own)
    until(lambda: site.stranger.comes_in(site.door), "who was allowed comes in", SOON)
    site.stranger.stays(site.door)
    ec2.revoke_security_group_ingress(GroupId=site.default, **own)
    until(lambda: not site.stranger.comes_in(site.door), "who was revoked stays out", SOON)
    assert site.stranger.is_still_there()
    assert site.member.comes_in(site.door)


def test_a_referenced_group_follows_its_members(site: Site) -> None:
    ec2, members = site.consumer.ec2, traffic(UserIdGroupPairs=[{"GroupId": site.apps}])
    ec2.authorize_security_group_ingress(GroupId=site.default, **members)
    until(lambda: site.stranger.comes_in(site.door), "a member comes in", SOON)
    others = group(site.consumer, "others")
    site.stranger.join(others)
    until(lambda: not site.stranger.comes_in(site.door), "who left the group stays out", SOON)
    site.stranger.join(others, site.apps)
    until(lambda: site.stranger.comes_in(site.door), "who joined the group comes in", SOON)
    ec2.revoke_security_group_ingress(GroupId=site.default, **members)
    until(lambda: not site.stranger.comes_in(site.door), "the group is revoked", SOON)
    site.stranger.join(site.apps)


def test_a_prefix_list_lets_in_what_is_on_it_now(site: Site) -> None:
    ec2, entry = site.consumer.ec2, {"Cidr": f"{site.stranger.address}/32"}
    made = ec2.create_managed_prefix_list(PrefixListName="offices", MaxEntries=5, AddressFamily="IPv4")["PrefixList"]
    listed = traffic(PrefixListIds=[{"PrefixListId": made["PrefixListId"]}])
    ec2.authorize_security_group_ingress(GroupId=site.default, **listed)
    assert not site.stranger.comes_in(site.door)
    ec2.modify_managed_prefix_list(PrefixListId=made["PrefixListId"], CurrentVersion=1, AddEntries=[entry])
    until(lambda: site.stranger.comes_in(site.door), "who is on the list comes in", SOON)
    ec2.modify_managed_prefix_list(PrefixListId=made["PrefixListId"], CurrentVersion=2, RemoveEntries=[entry])
    until(lambda: not site.stranger.comes_in(site.door), "who was taken off the list stays out", SOON)
    ec2.revoke_security_group_ingress(GroupId=site.default, **listed)


def test_an_endpoint_with_other_groups_asks_those(site: Site) -> None:
    ec2 = site.consumer.ec2
    ec2.authorize_security_group_ingress(GroupId=site.apps, **block(f"{site.stranger.address}/32"))
    ec2.modify_vpc_endpoint(VpcEndpointId=site.endpoint, AddSecurityGroupIds=[site.apps])
    until(lambda: site.stranger.comes_in(site.door), "the added group lets him in", SOON)
    ec2.modify_vpc_endpoint(VpcEndpointId=site.endpoint, RemoveSecurityGroupIds=[site.apps])
    until(lambda: not site.stranger.comes_in(site.door), "the removed group lets nobody in", SOON)


def test_a_load_balancers_groups_are_asked_about_the_consumers_client_while_they_are_enforced(site: Site) -> None:
    ec2, elb, own = site.provider.ec2, site.provider.elb, block(f"{site.stranger.address}/32")

    def enforce(value: str) -> None:
        request = {"EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic": value}
        elb.set_security_groups(LoadBalancerArn=site.balancer, SecurityGroups=[site.front], **request)

    assert not site.stranger.comes_in(site.guarded)
    ec2.authorize_security_group_ingress(GroupId=site.front, **own)
    until(lambda: site.stranger.comes_in(site.guarded), "the load balancer's group lets him in", SOON)
    assert not site.member.comes_in(site.guarded)
    site.stranger.stays(site.guarded)
    ec2.revoke_security_group_ingress(GroupId=site.front, **own)
    until(lambda: not site.stranger.comes_in(site.guarded), "and no longer", SOON)
    assert site.stranger.is_still_there()
    enforce("off")
    until(lambda: site.stranger.comes_in(site.guarded), "nobody asks the group", SOON)
    enforce("on")
    until(lambda: not site.stranger.comes_in(site.guarded), "the group is asked again", SOON)
    assert site.stranger.is_still_there()


def test_in_loopback_who_says_not_where_he_is_comes_in_where_there_are_rules(site: Site, system: System, network: str) -> None:
    if network != "loopback":
        pytest.skip("a program in a network of its own is where it is (docs/decisions/0010)")
    assert site.stranger.comes_in(site.door, "any")
    assert not site.stranger.comes_in(site.guarded, "any")
    newcomer = Visitor(site.consumer, site.default)
    until(lambda: f"{site.consumer.vpc}/{newcomer.address}" in system.addresses(), "the new interface has a place")
    place = system.addresses()[f"{site.consumer.vpc}/{newcomer.address}"]
    until(lambda: site.stranger.comes_in(site.door, place), "a new member comes in", SOON)


def test_without_any_inbound_rule_nobody_comes_in(site: Site) -> None:
    ec2 = site.consumer.ec2
    (found,) = ec2.describe_security_groups(GroupIds=[site.default])["SecurityGroups"]
    ec2.revoke_security_group_ingress(GroupId=site.default, IpPermissions=found["IpPermissions"])
    until(lambda: not site.member.comes_in(site.door), "the members stay out", SOON)
    assert not site.stranger.comes_in(site.door, "any")
