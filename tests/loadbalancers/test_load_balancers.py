from __future__ import annotations

from typing import Any

import pytest
from load_balancer_site import (
    ELSEWHERE,
    GROUP,
    GROUP_2,
    GROUP_ELSEWHERE,
    HOME,
    OWNER,
    SECOND_IN_ZONE_1,
    STRANGER,
    SUBNET_ELSEWHERE,
    SUBNETS,
    ZONES,
    Site,
)

from sidedoor import errors
from sidedoor.loadbalancers import load_balancers
from sidedoor.loadbalancers.listeners import describe_listeners
from sidedoor.loadbalancers.load_balancers import (
    create_load_balancer,
    delete_load_balancer,
    describe_account_limits,
    describe_capacity_reservation,
    describe_load_balancer_attributes,
    describe_load_balancers,
    modify_load_balancer_attributes,
    set_ip_address_type,
    set_security_groups,
    set_subnets,
)
from sidedoor.loadbalancers.model import LIMITS
from sidedoor.loadbalancers.target_groups import describe_target_groups
from sidedoor.networks.model import Interface, InterfaceKind
from sidedoor.networks.zones import zone_name
from sidedoor.services.model import ServiceState

UNKNOWN = f"arn:aws:elasticloadbalancing:us-east-1:{OWNER}:loadbalancer/net/gone/0123456789abcdef"


def interfaces(site: Site) -> list[Interface]:
    with site.world.store.read() as tables:
        return tables.interfaces.where()


def names(answer: dict[str, Any]) -> list[str]:
    return [balancer["LoadBalancerName"] for balancer in answer["LoadBalancers"]]


def attributes(answer: dict[str, Any]) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in answer["Attributes"]}


# --- create -------------------------------------------------------------------------------------------------------


def test_a_new_load_balancer_is_described_as_aws_describes_it(site: Site) -> None:
    created = site.balancer(Subnets=[SUBNETS[0], SUBNETS[1]])
    suffix = created["LoadBalancerArn"].rpartition("/")[2]
    assert len(suffix) == 16
    assert created == {
        "LoadBalancerArn": f"arn:aws:elasticloadbalancing:us-east-1:{OWNER}:loadbalancer/net/front/{suffix}",
        "DNSName": f"front-{suffix}.elb.us-east-1.amazonaws.com",
        "CanonicalHostedZoneId": "Z26RNL4JYFTOTI",
        "CreatedTime": site.world.now,
        "LoadBalancerName": "front",
        "Scheme": "internal",
        "VpcId": HOME,
        "State": {"Code": "provisioning"},
        "Type": "network",
        "AvailabilityZones": [
            {"ZoneName": zone_name(OWNER, "us-east-1", zone), "SubnetId": subnet, "LoadBalancerAddresses": []}
            for zone, subnet in zip(ZONES, SUBNETS[:2], strict=False)
        ],
        "IpAddressType": "ipv4",
        "EnablePrefixForIpv6SourceNat": "off",
    }
    assert site.ask(describe_load_balancers) == {"LoadBalancers": [created]}


def test_each_zone_gets_an_interface_that_clients_find_by_its_description(site: Site) -> None:
    created = site.balancer(Subnets=list(SUBNETS[:2]), SecurityGroups=[GROUP])
    suffix = created["LoadBalancerArn"].rpartition("/")[2]
    found = interfaces(site)
    assert [(one.subnet_id, one.address) for one in found] == [(SUBNETS[0], "10.0.0.4"), (SUBNETS[1], "10.0.1.4")]
    for one in found:
        assert one.kind is InterfaceKind.LOAD_BALANCER_NODE
        assert one.description == f"ELB net/front/{suffix}"
        assert one.holder == created["LoadBalancerArn"]
        assert one.group_ids == (GROUP,)


def test_a_chosen_address_is_given_and_listed(site: Site) -> None:
    mappings = [{"SubnetId": SUBNETS[0], "PrivateIPv4Address": "10.0.0.77"}, {"SubnetId": SUBNETS[1]}]
    created = site.balancer(SubnetMappings=mappings)
    assert [zone["LoadBalancerAddresses"] for zone in created["AvailabilityZones"]] == [
        [{"PrivateIPv4Address": "10.0.0.77"}],
        [],
    ]
    assert [one.address for one in interfaces(site)] == ["10.0.0.77", "10.0.1.4"]


def test_the_scheme_is_internet_facing_unless_asked_otherwise(site: Site) -> None:
    answer = site.ask(create_load_balancer, Name="front", Type="network", Subnets=[SUBNETS[0]])
    assert answer["LoadBalancers"][0]["Scheme"] == "internet-facing"


def test_only_the_type_network_is_made(site: Site) -> None:
    with pytest.raises(errors.InvalidConfigurationRequest, match="default type, application, is not supported"):
        site.ask(create_load_balancer, Name="front", Subnets=[SUBNETS[0]])
    for kind in ("application", "gateway"):
        with pytest.raises(errors.InvalidConfigurationRequest, match=f"type {kind} are not supported; use the type network"):
            site.balancer(Type=kind)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "must be specified"),
        ("a" * 33, "cannot be longer than '32' characters"),
        ("under_score", "alphanumeric characters and hyphens"),
        ("-front", "cannot begin with a hyphen"),
        ("front-", "cannot end with a hyphen"),
        ("internal-front", "cannot begin with 'internal-'"),
    ],
)
def test_a_name_that_aws_does_not_take_is_refused(site: Site, name: str, reason: str) -> None:
    with pytest.raises(errors.ValidationError, match=reason):
        site.balancer(name)


def test_a_name_of_32_characters_is_taken(site: Site) -> None:
    assert site.balancer("a" * 32)["LoadBalancerName"] == "a" * 32


@pytest.mark.parametrize(
    ("request_", "error", "reason"),
    [
        ({"Subnets": [], "SubnetMappings": []}, errors.ValidationError, "At least one subnet"),
        ({"Subnets": [SUBNETS[0]], "SubnetMappings": [{"SubnetId": SUBNETS[1]}]}, errors.ValidationError, "but not both"),
        ({"Subnets": ["subnet-0ffffffffffffffff"]}, errors.ElbSubnetNotFound, "subnet-0ffffffffffffffff"),
        ({"Subnets": [SUBNETS[0], SECOND_IN_ZONE_1]}, errors.InvalidConfigurationRequest, "same Availability Zone"),
        ({"Subnets": [SUBNETS[0], SUBNETS[0]]}, errors.InvalidConfigurationRequest, "same Availability Zone"),
        ({"Subnets": [SUBNETS[0], SUBNET_ELSEWHERE]}, errors.InvalidConfigurationRequest, "same VPC"),
        ({"SecurityGroups": ["sg-0ffffffffffffffff"]}, errors.InvalidSecurityGroup, "sg-0ffffffffffffffff"),
        ({"SecurityGroups": [GROUP_ELSEWHERE]}, errors.InvalidConfigurationRequest, "is not in the VPC"),
        ({"Scheme": "public"}, errors.InvalidScheme, "public"),
        ({"IpAddressType": "dualstack"}, errors.InvalidConfigurationRequest, "use ipv4"),
        ({"EnablePrefixForIpv6SourceNat": "on"}, errors.InvalidConfigurationRequest, "dualstack"),
        ({"CustomerOwnedIpv4Pool": "ipv4pool-coip-1"}, errors.InvalidConfigurationRequest, "CustomerOwnedIpv4Pool"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    site: Site, request_: dict[str, Any], error: type[errors.ApiError], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        site.balancer(**request_)
    assert interfaces(site) == []


@pytest.mark.parametrize(
    ("mapping", "error", "reason"),
    [
        ({"AllocationId": "eipalloc-1"}, errors.AllocationIdNotFound, "eipalloc-1"),
        ({"IPv6Address": "fd00::1"}, errors.InvalidConfigurationRequest, "IPv6"),
        ({"PrivateIPv4Address": "ten"}, errors.ValidationError, "not a valid IPv4 address"),
        ({"PrivateIPv4Address": "10.0.1.9"}, errors.InvalidConfigurationRequest, "not usable"),
        ({"PrivateIPv4Address": "10.0.0.1"}, errors.InvalidConfigurationRequest, "not usable"),
    ],
)
def test_an_address_that_a_node_cannot_have_is_refused(
    site: Site, mapping: dict[str, str], error: type[errors.ApiError], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        site.balancer(SubnetMappings=[{"SubnetId": SUBNETS[0], **mapping}])


def test_an_address_in_use_is_refused(site: Site) -> None:
    site.balancer("first", SubnetMappings=[{"SubnetId": SUBNETS[0], "PrivateIPv4Address": "10.0.0.9"}])
    with pytest.raises(errors.InvalidConfigurationRequest, match=r"10\.0\.0\.9 is in use"):
        site.balancer("second", SubnetMappings=[{"SubnetId": SUBNETS[0], "PrivateIPv4Address": "10.0.0.9"}])


def test_a_private_address_needs_an_internal_load_balancer(site: Site) -> None:
    with pytest.raises(errors.InvalidConfigurationRequest, match="internal load balancer"):
        site.balancer(Scheme="internet-facing", SubnetMappings=[{"SubnetId": SUBNETS[0], "PrivateIPv4Address": "10.0.0.9"}])


def test_the_same_request_again_answers_with_the_same_load_balancer(site: Site) -> None:
    first = site.balancer(Subnets=list(SUBNETS[:2]), Tags=[{"Key": "team", "Value": "a"}])
    assert site.balancer(Subnets=[SUBNETS[1], SUBNETS[0]], Tags=[{"Key": "team", "Value": "a"}]) == first
    assert len(interfaces(site)) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"Scheme": "internet-facing"},
        {"Subnets": [SUBNETS[1]]},
        {"SubnetMappings": [{"SubnetId": SUBNETS[0], "PrivateIPv4Address": "10.0.0.9"}]},
        {"SecurityGroups": [GROUP]},
        {"Tags": [{"Key": "team", "Value": "a"}]},
    ],
)
def test_a_taken_name_with_other_settings_is_a_duplicate(site: Site, other: dict[str, Any]) -> None:
    site.balancer()
    with pytest.raises(errors.DuplicateLoadBalancerName, match="front"):
        site.balancer(**other)


# --- describe -----------------------------------------------------------------------------------------------------


def test_load_balancers_are_found_by_name_and_by_arn(site: Site) -> None:
    first, second = site.balancer("first"), site.balancer("second")
    assert names(site.ask(describe_load_balancers, Names=["second"])) == ["second"]
    arns = [second["LoadBalancerArn"], first["LoadBalancerArn"]]
    assert names(site.ask(describe_load_balancers, LoadBalancerArns=arns)) == ["first", "second"]


def test_a_missing_name_or_arn_is_not_found(site: Site) -> None:
    site.balancer()
    with pytest.raises(errors.LoadBalancerNotFound, match=r"Load balancers '\[gone, lost\]' not found"):
        site.ask(describe_load_balancers, Names=["front", "gone", "lost"])
    with pytest.raises(errors.LoadBalancerNotFound, match="One or more load balancers not found"):
        site.ask(describe_load_balancers, LoadBalancerArns=[UNKNOWN])


def test_names_and_arns_together_are_refused(site: Site) -> None:
    with pytest.raises(errors.ValidationError, match="at the same time"):
        site.ask(describe_load_balancers, Names=["front"], LoadBalancerArns=[UNKNOWN])


@pytest.mark.parametrize("arn", ["front", "arn:aws:elasticloadbalancing:us-east-1:111111111111:targetgroup/a/0123456789abcdef"])
def test_what_is_no_load_balancer_arn_is_called_so(site: Site, arn: str) -> None:
    with pytest.raises(errors.ValidationError, match=f"'{arn}' is not a valid load balancer ARN"):
        site.ask(describe_load_balancers, LoadBalancerArns=[arn])


def test_pages_follow_each_other_by_marker(site: Site) -> None:
    for name in ("a", "b", "c"):
        site.balancer(name)
    first = site.ask(describe_load_balancers, PageSize=2)
    assert names(first) == ["a", "b"]
    second = site.ask(describe_load_balancers, PageSize=2, Marker=first["NextMarker"])
    assert names(second) == ["c"]
    assert "NextMarker" not in second


def test_a_forged_marker_and_an_impossible_page_size_are_refused(site: Site) -> None:
    with pytest.raises(errors.InvalidMarker):
        site.ask(describe_load_balancers, Marker="bm90IG91cnM=")
    for size in (0, 401):
        with pytest.raises(errors.ValidationError, match="Page size"):
            site.ask(describe_load_balancers, PageSize=size)


def test_a_marker_is_good_for_its_own_account_region_and_operation_only(site: Site) -> None:
    for name in ("a", "b"):
        site.balancer(name)
    marker = site.ask(describe_load_balancers, PageSize=1)["NextMarker"]
    for operation, elsewhere in (
        (describe_load_balancers, {"account": STRANGER}),
        (describe_load_balancers, {"region": "eu-west-1"}),
        (describe_target_groups, {}),
    ):
        with pytest.raises(errors.InvalidMarker):
            site.ask(operation, Marker=marker, **elsewhere)


def test_another_account_and_another_region_see_nothing(site: Site) -> None:
    arn = site.balancer()["LoadBalancerArn"]
    for elsewhere in ({"account": STRANGER}, {"region": "eu-west-1"}):
        assert site.ask(describe_load_balancers, **elsewhere) == {"LoadBalancers": []}
        for operation in (delete_load_balancer, describe_load_balancer_attributes, describe_capacity_reservation):
            with pytest.raises(errors.ValidationError, match="is not a valid load balancer ARN"):
                site.ask(operation, LoadBalancerArn=arn, **elsewhere)
    with pytest.raises(errors.ElbSubnetNotFound):
        site.balancer("theirs", account=STRANGER)


def test_two_accounts_may_use_one_name(site: Site) -> None:
    site.balancer()
    with pytest.raises(errors.LoadBalancerNotFound):
        site.ask(describe_load_balancers, account=STRANGER, Names=["front"])


# --- delete -------------------------------------------------------------------------------------------------------


def test_deleting_takes_listeners_and_interfaces_along(site: Site) -> None:
    balancer, group = site.balancer(), site.group()
    listener = site.listener(balancer, group)
    assert site.ask(delete_load_balancer, LoadBalancerArn=balancer["LoadBalancerArn"]) == {}
    assert interfaces(site) == []
    with pytest.raises(errors.ListenerNotFound):
        site.ask(describe_listeners, ListenerArns=[listener["ListenerArn"]])
    with pytest.raises(errors.LoadBalancerNotFound):
        site.ask(describe_load_balancers, LoadBalancerArns=[balancer["LoadBalancerArn"]])


def test_deleting_what_is_not_there_succeeds(site: Site) -> None:
    assert site.ask(delete_load_balancer, LoadBalancerArn=UNKNOWN) == {}


def test_a_protected_load_balancer_is_not_deleted_until_protection_ends(site: Site) -> None:
    arn = site.balancer()["LoadBalancerArn"]
    for value, is_protected in (("true", True), ("false", False)):
        site.ask(
            modify_load_balancer_attributes,
            LoadBalancerArn=arn,
            Attributes=[{"Key": "deletion_protection.enabled", "Value": value}],
        )
        if is_protected:
            with pytest.raises(errors.OperationNotPermitted, match="because deletion protection is enabled"):
                site.ask(delete_load_balancer, LoadBalancerArn=arn)
    site.ask(delete_load_balancer, LoadBalancerArn=arn)
    assert site.ask(describe_load_balancers) == {"LoadBalancers": []}


def test_a_load_balancer_behind_an_endpoint_service_is_not_deleted(site: Site) -> None:
    balancer = site.balancer()
    site.put_behind_service(balancer)
    with pytest.raises(errors.ResourceInUse) as caught:
        site.ask(delete_load_balancer, LoadBalancerArn=balancer["LoadBalancerArn"])
    assert caught.value.message == (
        f"Load balancer '{balancer['LoadBalancerArn']}' cannot be deleted because it is currently associated with another "
        "service"
    )


def test_a_deleted_service_holds_no_load_balancer(site: Site) -> None:
    balancer = site.balancer()
    site.put_behind_service(balancer, ServiceState.DELETED)
    assert site.ask(delete_load_balancer, LoadBalancerArn=balancer["LoadBalancerArn"]) == {}


# --- subnets, groups, address type --------------------------------------------------------------------------------


def zones(answer: dict[str, Any]) -> list[str]:
    return [zone["SubnetId"] for zone in answer["AvailabilityZones"]]


def test_a_zone_can_be_added_also_behind_a_service(site: Site) -> None:
    balancer = site.balancer()
    site.put_behind_service(balancer)
    before = interfaces(site)
    answer = site.ask(set_subnets, LoadBalancerArn=balancer["LoadBalancerArn"], Subnets=[SUBNETS[1], SUBNETS[0]])
    assert (zones(answer), answer["IpAddressType"]) == ([SUBNETS[0], SUBNETS[1]], "ipv4")
    assert interfaces(site)[0] == before[0]
    assert [one.subnet_id for one in interfaces(site)] == [SUBNETS[0], SUBNETS[1]]


def test_a_zone_cannot_be_removed_behind_a_service(site: Site) -> None:
    balancer = site.balancer(Subnets=list(SUBNETS[:2]))
    site.put_behind_service(balancer)
    with pytest.raises(errors.ResourceInUse, match="Subnets cannot be removed from load balancer"):
        site.ask(set_subnets, LoadBalancerArn=balancer["LoadBalancerArn"], Subnets=[SUBNETS[0]])


def test_a_zone_can_be_removed_while_no_service_needs_it(site: Site) -> None:
    balancer = site.balancer(Subnets=list(SUBNETS[:2]))
    answer = site.ask(set_subnets, LoadBalancerArn=balancer["LoadBalancerArn"], Subnets=[SUBNETS[1], SUBNETS[2]])
    assert zones(answer) == [SUBNETS[1], SUBNETS[2]]
    assert [one.subnet_id for one in interfaces(site)] == [SUBNETS[1], SUBNETS[2]]


def test_the_subnets_that_are_there_change_nothing(site: Site) -> None:
    balancer = site.balancer()
    with site.world.store.read() as tables:
        before = tables.revision()
    site.ask(set_subnets, LoadBalancerArn=balancer["LoadBalancerArn"], Subnets=[SUBNETS[0]])
    with site.world.store.read() as tables:
        assert tables.revision() == before


def test_an_enabled_subnet_keeps_its_address(site: Site) -> None:
    arn = site.balancer()["LoadBalancerArn"]
    with pytest.raises(errors.InvalidConfigurationRequest, match=r"address 10\.0\.0\.4 .* cannot be changed"):
        mapping = {"SubnetId": SUBNETS[0], "PrivateIPv4Address": "10.0.0.50"}
        site.ask(set_subnets, LoadBalancerArn=arn, SubnetMappings=[mapping])


def test_a_load_balancer_does_not_move_to_another_vpc(site: Site) -> None:
    arn = site.balancer()["LoadBalancerArn"]
    with pytest.raises(errors.InvalidConfigurationRequest, match=f"load balancer's VPC '{HOME}'"):
        site.ask(set_subnets, LoadBalancerArn=arn, Subnets=[SUBNET_ELSEWHERE])
    assert ELSEWHERE not in {one.vpc_id for one in interfaces(site)}


def test_groups_are_replaced_on_the_load_balancer_and_its_interfaces(site: Site) -> None:
    created = site.balancer(SecurityGroups=[GROUP])
    assert created["SecurityGroups"] == [GROUP]
    assert created["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"] == "on"
    answer = site.ask(
        set_security_groups,
        LoadBalancerArn=created["LoadBalancerArn"],
        SecurityGroups=[GROUP_2],
        EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic="off",
    )
    assert answer == {
        "SecurityGroupIds": [GROUP_2],
        "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic": "off",
    }
    assert [one.group_ids for one in interfaces(site)] == [(GROUP_2,)]
    (after,) = site.ask(describe_load_balancers)["LoadBalancers"]
    assert after["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"] == "off"


def test_groups_cannot_be_set_where_there_were_none_nor_all_be_removed(site: Site) -> None:
    without, with_group = site.balancer("without"), site.balancer("with", SecurityGroups=[GROUP])
    with pytest.raises(errors.InvalidConfigurationRequest, match="created without any security groups"):
        site.ask(set_security_groups, LoadBalancerArn=without["LoadBalancerArn"], SecurityGroups=[GROUP])
    with pytest.raises(errors.InvalidConfigurationRequest, match="cannot remove all"):
        site.ask(set_security_groups, LoadBalancerArn=with_group["LoadBalancerArn"], SecurityGroups=[])
    with pytest.raises(errors.InvalidSecurityGroup):
        site.ask(set_security_groups, LoadBalancerArn=with_group["LoadBalancerArn"], SecurityGroups=["sg-gone"])


def test_the_address_type_stays_ipv4(site: Site) -> None:
    arn = site.balancer()["LoadBalancerArn"]
    assert site.ask(set_ip_address_type, LoadBalancerArn=arn, IpAddressType="ipv4") == {"IpAddressType": "ipv4"}
    with pytest.raises(errors.InvalidConfigurationRequest, match="dualstack is not supported yet; use ipv4"):
        site.ask(set_ip_address_type, LoadBalancerArn=arn, IpAddressType="dualstack")


# --- attributes and limits ----------------------------------------------------------------------------------------


def test_attributes_have_the_defaults_of_a_network_load_balancer(site: Site) -> None:
    arn = site.balancer()["LoadBalancerArn"]
    assert attributes(site.ask(describe_load_balancer_attributes, LoadBalancerArn=arn)) == {
        "deletion_protection.enabled": "false",
        "load_balancing.cross_zone.enabled": "false",
        "access_logs.s3.enabled": "false",
        "access_logs.s3.bucket": "",
        "access_logs.s3.prefix": "",
        "ipv6.deny_all_igw_traffic": "true",
        "dns_record.client_routing_policy": "any_availability_zone",
        "zonal_shift.config.enabled": "false",
        "secondary_ips.auto_assigned.per_subnet": "0",
    }


def test_what_the_data_plane_does_not_use_is_kept_and_shown(site: Site) -> None:
    arn = site.balancer()["LoadBalancerArn"]
    asked = {
        "access_logs.s3.enabled": "true",
        "access_logs.s3.bucket": "logs",
        "zonal_shift.config.enabled": "true",
        "secondary_ips.auto_assigned.per_subnet": "3",
    }
    pairs = [{"Key": key, "Value": value} for key, value in asked.items()]
    changed = attributes(site.ask(modify_load_balancer_attributes, LoadBalancerArn=arn, Attributes=pairs))
    assert {key: changed[key] for key in asked} == asked
    assert attributes(site.ask(describe_load_balancer_attributes, LoadBalancerArn=arn)) == changed


def test_secondary_addresses_only_grow_in_number(site: Site) -> None:
    arn = site.balancer()["LoadBalancerArn"]
    key = "secondary_ips.auto_assigned.per_subnet"
    for value in ("2", "2", "3"):
        site.ask(modify_load_balancer_attributes, LoadBalancerArn=arn, Attributes=[{"Key": key, "Value": value}])
    with pytest.raises(errors.InvalidConfigurationRequest, match="cannot be decreased from 3"):
        site.ask(modify_load_balancer_attributes, LoadBalancerArn=arn, Attributes=[{"Key": key, "Value": "2"}])


def test_so_many_load_balancers_may_be_and_no_more(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_balancers, "LOAD_BALANCERS", 2)
    site.balancer("one")
    created = site.balancer("two")
    assert site.balancer("two") == created
    with pytest.raises(errors.TooManyLoadBalancers, match="more than 2 load balancers"):
        site.balancer("three")


@pytest.mark.parametrize(
    ("parameter", "shown"), [("Type", "[application, network, gateway]"), ("IpAddressType", "[ipv4, dualstack, ")]
)
def test_a_word_that_aws_does_not_know_is_no_word(site: Site, parameter: str, shown: str) -> None:
    with pytest.raises(errors.ValidationError) as caught:
        site.balancer(**{parameter: "other"})
    name = parameter[0].lower() + parameter[1:]
    assert caught.value.message.startswith(f"1 validation error detected: Value 'other' at '{name}' failed to satisfy")
    assert shown in caught.value.message


def test_changed_attributes_stay_and_reach_the_record(site: Site) -> None:
    arn = site.balancer()["LoadBalancerArn"]
    asked = [{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}]
    changed = site.ask(modify_load_balancer_attributes, LoadBalancerArn=arn, Attributes=asked)
    assert attributes(changed)["load_balancing.cross_zone.enabled"] == "true"
    assert changed == site.ask(describe_load_balancer_attributes, LoadBalancerArn=arn)
    with site.world.store.read() as tables:
        balancer = tables.load_balancers.find(arn)
    assert balancer is not None
    assert balancer.cross_zone


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("idle_timeout.timeout_seconds", "60", "'idle_timeout.timeout_seconds' is not supported on load balancers with type"),
        ("routing.http2.enabled", "true", "is not supported on load balancers with type 'network'"),
        ("routing.http3.enabled", "true", "Load balancer attribute key 'routing.http3.enabled' is not recognized"),
        ("deletion_protection.enabled", "yes", "must be false or true"),
        ("access_logs.s3.enabled", "true", "'access_logs.s3.bucket' cannot be empty"),
        ("secondary_ips.auto_assigned.per_subnet", "8", "a number from 0 to 7"),
        ("zonal_shift.config.enabled", "on", "must be false or true"),
        ("access_logs.s3.prefix", "x" * 1025, "at most 1024 characters"),
    ],
)
def test_attributes_that_cannot_be_are_refused(site: Site, key: str, value: str, reason: str) -> None:
    arn = site.balancer()["LoadBalancerArn"]
    with pytest.raises(errors.InvalidConfigurationRequest, match=reason):
        site.ask(modify_load_balancer_attributes, LoadBalancerArn=arn, Attributes=[{"Key": key, "Value": value}])


def test_no_capacity_is_reserved(site: Site) -> None:
    arn = site.balancer()["LoadBalancerArn"]
    assert site.ask(describe_capacity_reservation, LoadBalancerArn=arn) == {"CapacityReservationState": []}
    with pytest.raises(errors.LoadBalancerNotFound):
        site.ask(describe_capacity_reservation, LoadBalancerArn=UNKNOWN)


def test_the_limits_are_those_that_the_operations_hold(site: Site) -> None:
    listed = {one["Name"]: int(one["Max"]) for one in site.ask(describe_account_limits)["Limits"]}
    assert listed == LIMITS
