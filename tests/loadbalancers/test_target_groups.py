from __future__ import annotations

from typing import Any

import pytest
from load_balancer_site import ELSEWHERE, HOME, OWNER, STRANGER, Site

from sidedoor import errors
from sidedoor.loadbalancers import target_groups
from sidedoor.loadbalancers.listeners import delete_listener
from sidedoor.loadbalancers.load_balancers import delete_load_balancer
from sidedoor.loadbalancers.target_groups import (
    delete_target_group,
    describe_target_group_attributes,
    describe_target_groups,
    modify_target_group,
    modify_target_group_attributes,
)
from sidedoor.loadbalancers.targets import register_targets

HTTP = {"HealthCheckProtocol": "HTTP"}
UNKNOWN = f"arn:aws:elasticloadbalancing:us-east-1:{OWNER}:targetgroup/gone/0123456789abcdef"
UNKNOWN_BALANCER = f"arn:aws:elasticloadbalancing:us-east-1:{OWNER}:loadbalancer/net/gone/0123456789abcdef"


def names(answer: dict[str, Any]) -> list[str]:
    return [group["TargetGroupName"] for group in answer["TargetGroups"]]


def attributes(answer: dict[str, Any]) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in answer["Attributes"]}


def set_attributes(site: Site, group: dict[str, Any], **values: str) -> dict[str, str]:
    asked = [{"Key": key.replace("__", "."), "Value": value} for key, value in values.items()]
    return attributes(site.ask(modify_target_group_attributes, TargetGroupArn=group["TargetGroupArn"], Attributes=asked))


# --- create -------------------------------------------------------------------------------------------------------


def test_a_new_target_group_is_described_as_aws_describes_it(site: Site) -> None:
    created = site.group(Port=8080)
    suffix = created["TargetGroupArn"].rpartition("/")[2]
    assert len(suffix) == 16
    assert created == {
        "TargetGroupArn": f"arn:aws:elasticloadbalancing:us-east-1:{OWNER}:targetgroup/web/{suffix}",
        "TargetGroupName": "web",
        "Protocol": "TCP",
        "Port": 8080,
        "VpcId": HOME,
        "HealthCheckProtocol": "TCP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckEnabled": True,
        "HealthCheckIntervalSeconds": 30,
        "HealthCheckTimeoutSeconds": 10,
        "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2,
        "TargetType": "ip",
        "IpAddressType": "ipv4",
    }
    assert site.ask(describe_target_groups) == {"TargetGroups": [{**created, "LoadBalancerArns": []}]}


def test_the_target_type_is_instance_unless_asked_otherwise(site: Site) -> None:
    assert site.group(TargetType=None)["TargetType"] == "instance"


@pytest.mark.parametrize(
    ("request_", "error", "reason"),
    [
        ({"TargetType": "alb"}, errors.InvalidConfigurationRequest, "target type alb is not supported; use ip"),
        ({"TargetType": "lambda"}, errors.InvalidConfigurationRequest, "target type lambda is not supported; use ip"),
        ({"Protocol": None}, errors.ValidationError, "A protocol must be specified"),
        ({"Protocol": "HTTP"}, errors.UnsupportedProtocol, "HTTP are not supported: use TCP or TLS"),
        ({"Protocol": "tcp"}, errors.ValidationError, "Value 'tcp' at 'protocol' failed to satisfy constraint"),
        ({"TargetType": "other"}, errors.ValidationError, "Value 'other' at 'targetType' failed"),
        ({"IpAddressType": "ipv5"}, errors.ValidationError, r"enum value set: \[ipv4, ipv6\]"),
        ({"HealthCheckProtocol": "/HTTP"}, errors.ValidationError, "Value '/HTTP' at 'healthCheckProtocol' failed"),
        ({"ProtocolVersion": "HTTP2"}, errors.InvalidConfigurationRequest, "ProtocolVersion"),
        ({"IpAddressType": "ipv6"}, errors.InvalidConfigurationRequest, "use ipv4"),
        ({"Port": None}, errors.ValidationError, "A port must be specified"),
        ({"Port": 0}, errors.ValidationError, "between 1 and 65535"),
        ({"Port": 65536}, errors.ValidationError, "between 1 and 65535"),
        ({"VpcId": None}, errors.ValidationError, "A VPC ID must be specified"),
        ({"VpcId": "vpc-0ffffffffffffffff"}, errors.ValidationError, "'vpc-0ffffffffffffffff' is not found"),
        ({"account": STRANGER}, errors.ValidationError, f"'{HOME}' is not found"),
        ({"HealthCheckProtocol": "UDP"}, errors.ValidationError, r"'UDP' must be one of \[HTTP, HTTPS, TCP\]"),
        ({**HTTP, "HealthCheckPath": "status"}, errors.ValidationError, "'status' must begin with a '/'"),
        ({**HTTP, "HealthCheckPath": "/a b"}, errors.ValidationError, "without whitespace"),
        ({**HTTP, "HealthCheckPath": "/" * 1025}, errors.ValidationError, "longer than 1024"),
        ({**HTTP, "Matcher": {"HttpCode": "199"}}, errors.ValidationError, "'199' must be within '200-599'"),
        ({**HTTP, "Matcher": {"HttpCode": "200-600"}}, errors.ValidationError, "within '200-599'"),
        ({**HTTP, "Matcher": {"HttpCode": "399-200"}}, errors.ValidationError, "within '200-599'"),
        ({**HTTP, "Matcher": {"HttpCode": "200,"}}, errors.ValidationError, "within '200-599'"),
        ({**HTTP, "Matcher": {"HttpCode": "ok"}}, errors.ValidationError, "within '200-599'"),
        ({**HTTP, "Matcher": {"GrpcCode": "12"}}, errors.InvalidConfigurationRequest, "GRPC"),
        ({"HealthCheckEnabled": False}, errors.InvalidConfigurationRequest, "always enabled"),
        ({"HealthCheckPath": "/"}, errors.InvalidConfigurationRequest, "paths are not supported"),
        ({"Matcher": {"HttpCode": "200"}}, errors.InvalidConfigurationRequest, "matchers are not supported"),
        ({"HealthCheckPort": "0"}, errors.ValidationError, "'traffic-port' or a number"),
        ({"HealthCheckPort": "http"}, errors.ValidationError, "'traffic-port' or a number"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    site: Site, request_: dict[str, Any], error: type[errors.ApiError], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        site.group(**request_)
    assert site.ask(describe_target_groups) == {"TargetGroups": []}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "A target group name must be specified"),
        ("a" * 33, f"Target group name '{'a' * 33}' cannot be longer than '32' characters"),
        ("no spaces", "characters that are alphanumeric characters or hyphens"),
        ("-web", "Value '-web' at 'targetGroup.targetGroupArn.targetGroupName' failed to satisfy constraint"),
        ("web-", "Member must satisfy regular expression pattern"),
        ("w--eb", "Member must satisfy regular expression pattern"),
    ],
)
def test_a_name_that_aws_does_not_take_is_refused(site: Site, name: str, reason: str) -> None:
    with pytest.raises(errors.ValidationError, match=reason):
        site.group(name)


def test_so_many_target_groups_may_be_and_no_more(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_groups, "TARGET_GROUPS", 2)
    site.group("one")
    created = site.group("two")
    assert site.group("two") == created
    with pytest.raises(errors.TooManyTargetGroups, match="more than 2 target groups"):
        site.group("three")


def test_a_load_balancer_without_target_groups_finds_none(site: Site) -> None:
    balancer = site.balancer()
    with pytest.raises(errors.TargetGroupNotFound):
        site.ask(describe_target_groups, LoadBalancerArn=balancer["LoadBalancerArn"])


@pytest.mark.parametrize(
    ("parameter", "least", "most"),
    [
        ("HealthCheckIntervalSeconds", 5, 300),
        ("HealthCheckTimeoutSeconds", 2, 120),
        ("HealthyThresholdCount", 2, 10),
        ("UnhealthyThresholdCount", 2, 10),
    ],
)
def test_health_checks_keep_within_the_ranges_of_aws(site: Site, parameter: str, least: int, most: int) -> None:
    longest = {"HealthCheckIntervalSeconds": 300}
    for value in (least, most):
        assert site.group(f"web-{value}", **(longest | {parameter: value}))[parameter] == value
    for value in (least - 1, most + 1):
        with pytest.raises(errors.ValidationError, match=f"'{value}' not supported"):
            site.group(**(longest | {parameter: value}))


def test_a_timeout_is_not_longer_than_the_interval(site: Site) -> None:
    with pytest.raises(errors.ValidationError, match="timeout '6' must be smaller than or equal to the interval '5'"):
        site.group(HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=6)


def test_a_short_interval_alone_shortens_the_timeout(site: Site) -> None:
    assert site.group(HealthCheckIntervalSeconds=5)["HealthCheckTimeoutSeconds"] == 5


def test_the_same_request_again_answers_with_the_same_group(site: Site) -> None:
    assert site.group() == site.group()


@pytest.mark.parametrize(
    "other", [{"Port": 81}, {"VpcId": ELSEWHERE}, {"TargetType": "instance"}, {"HealthyThresholdCount": 3}]
)
def test_a_taken_name_with_other_settings_is_a_duplicate(site: Site, other: dict[str, Any]) -> None:
    site.group()
    with pytest.raises(errors.DuplicateTargetGroupName, match="web"):
        site.group(**other)


# --- describe, modify, delete -------------------------------------------------------------------------------------


def test_groups_are_found_by_name_by_arn_and_by_load_balancer(site: Site) -> None:
    first, second = site.group("first"), site.group("second")
    balancer = site.balancer()
    for port in (80, 81):
        site.listener(balancer, second, port)
    arn = balancer["LoadBalancerArn"]
    assert names(site.ask(describe_target_groups, Names=["first"])) == ["first"]
    assert names(site.ask(describe_target_groups, TargetGroupArns=[first["TargetGroupArn"]])) == ["first"]
    (used,) = site.ask(describe_target_groups, LoadBalancerArn=arn)["TargetGroups"]
    assert (used["TargetGroupName"], used["LoadBalancerArns"]) == ("second", [arn])


def test_missing_groups_and_load_balancers_are_not_found(site: Site) -> None:
    site.group()
    for asked in ({"Names": ["web", "gone"]}, {"TargetGroupArns": [UNKNOWN]}):
        with pytest.raises(errors.TargetGroupNotFound):
            site.ask(describe_target_groups, **asked)
    with pytest.raises(errors.LoadBalancerNotFound):
        site.ask(describe_target_groups, LoadBalancerArn=UNKNOWN_BALANCER)
    with pytest.raises(errors.ValidationError, match="'web' is not a valid target group ARN"):
        site.ask(describe_target_groups, TargetGroupArns=["web"])
    with pytest.raises(errors.ValidationError, match="at the same time"):
        site.ask(describe_target_groups, Names=["web"], TargetGroupArns=[UNKNOWN])


def test_pages_follow_each_other_by_marker(site: Site) -> None:
    for name in ("a", "b", "c"):
        site.group(name)
    first = site.ask(describe_target_groups, PageSize=2)
    second = site.ask(describe_target_groups, PageSize=2, Marker=first["NextMarker"])
    assert (names(first), names(second)) == (["a", "b"], ["c"])


def test_another_account_sees_nothing(site: Site) -> None:
    arn = site.group()["TargetGroupArn"]
    assert site.ask(describe_target_groups, account=STRANGER) == {"TargetGroups": []}
    for operation in (modify_target_group, delete_target_group, describe_target_group_attributes):
        with pytest.raises(errors.ValidationError, match="is not a valid target group ARN"):
            site.ask(operation, account=STRANGER, TargetGroupArn=arn)


def test_a_health_check_is_changed_in_the_parts_that_are_named(site: Site) -> None:
    arn = site.group()["TargetGroupArn"]
    changes = {"HealthCheckIntervalSeconds": 10, "HealthCheckPort": "8080", "HealthyThresholdCount": 2}
    (changed,) = site.ask(modify_target_group, TargetGroupArn=arn, **changes)["TargetGroups"]
    assert {key: changed[key] for key in changes} == changes
    assert (changed["HealthCheckTimeoutSeconds"], changed["UnhealthyThresholdCount"]) == (10, 2)
    with pytest.raises(errors.ValidationError, match="timeout '10' must be smaller than or equal to the interval '5'"):
        site.ask(modify_target_group, TargetGroupArn=arn, HealthCheckIntervalSeconds=5)


def test_an_http_check_has_the_defaults_of_aws_where_it_does_not_say(site: Site) -> None:
    plain, tls = site.group("plain", **HTTP), site.group("tls", HealthCheckProtocol="HTTPS")
    assert (plain["HealthCheckPath"], plain["Matcher"], plain["HealthCheckTimeoutSeconds"]) == ("/", {"HttpCode": "200-399"}, 6)
    assert (tls["HealthCheckPath"], tls["Matcher"], tls["HealthCheckTimeoutSeconds"]) == ("/", {"HttpCode": "200-399"}, 10)
    assert not {"HealthCheckPath", "Matcher"} & set(site.group("bare"))


def test_an_http_check_keeps_what_it_is_told(site: Site) -> None:
    told = {
        **HTTP, "HealthCheckPath": "/healthz?deep=1", "Matcher": {"HttpCode": "200,204,300-302"}, "HealthCheckPort": "8081",
        "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2,
    }  # fmt: skip
    made = site.group(**told)
    assert {key: made[key] for key in told} == told
    assert site.ask(describe_target_groups) == {"TargetGroups": [{**made, "LoadBalancerArns": []}]}


def test_a_check_changes_its_protocol_and_what_belongs_to_it(site: Site) -> None:
    arn = site.group()["TargetGroupArn"]
    (to_http,) = site.ask(modify_target_group, TargetGroupArn=arn, **HTTP, HealthCheckPath="/up")["TargetGroups"]
    assert (to_http["HealthCheckProtocol"], to_http["HealthCheckPath"], to_http["Matcher"]["HttpCode"]) == (
        "HTTP",
        "/up",
        "200-399",
    )
    (stricter,) = site.ask(modify_target_group, TargetGroupArn=arn, Matcher={"HttpCode": "200"})["TargetGroups"]
    assert (stricter["HealthCheckPath"], stricter["Matcher"]["HttpCode"]) == ("/up", "200")
    (to_tcp,) = site.ask(modify_target_group, TargetGroupArn=arn, HealthCheckProtocol="TCP")["TargetGroups"]
    assert (to_tcp["HealthCheckProtocol"], "HealthCheckPath" in to_tcp, "Matcher" in to_tcp) == ("TCP", False, False)
    (again,) = site.ask(modify_target_group, TargetGroupArn=arn, **HTTP)["TargetGroups"]
    assert (again["HealthCheckPath"], again["Matcher"]["HttpCode"]) == ("/", "200-399")


def test_a_group_in_use_is_not_deleted(site: Site) -> None:
    group = site.group()
    listener = site.listener(site.balancer(), group)
    with pytest.raises(errors.ResourceInUse) as caught:
        site.ask(delete_target_group, TargetGroupArn=group["TargetGroupArn"])
    assert caught.value.message == f"Target group '{group['TargetGroupArn']}' is currently in use by a listener or a rule"
    site.ask(delete_listener, ListenerArn=listener["ListenerArn"])
    assert site.ask(delete_target_group, TargetGroupArn=group["TargetGroupArn"]) == {}
    assert site.ask(describe_target_groups) == {"TargetGroups": []}


def test_deleting_a_load_balancer_frees_its_groups(site: Site) -> None:
    balancer, group = site.balancer(), site.group()
    site.listener(balancer, group)
    site.ask(delete_load_balancer, LoadBalancerArn=balancer["LoadBalancerArn"])
    assert site.ask(describe_target_groups)["TargetGroups"][0]["LoadBalancerArns"] == []
    site.ask(delete_target_group, TargetGroupArn=group["TargetGroupArn"])


def test_deleting_takes_the_targets_along_and_a_missing_group_succeeds(site: Site) -> None:
    arn = site.group()["TargetGroupArn"]
    site.ask(register_targets, TargetGroupArn=arn, Targets=[{"Id": "10.0.0.10"}])
    for _ in range(2):
        assert site.ask(delete_target_group, TargetGroupArn=arn) == {}
    with site.world.store.read() as tables:
        assert tables.targets.where() == []


# --- attributes ---------------------------------------------------------------------------------------------------


def test_attributes_have_the_defaults_of_a_tcp_group(site: Site) -> None:
    arn = site.group()["TargetGroupArn"]
    assert attributes(site.ask(describe_target_group_attributes, TargetGroupArn=arn)) == {
        "deregistration_delay.timeout_seconds": "300",
        "deregistration_delay.connection_termination.enabled": "false",
        "preserve_client_ip.enabled": "false",
        "proxy_protocol_v2.enabled": "false",
        "stickiness.enabled": "false",
        "stickiness.type": "source_ip",
        "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
        "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
        "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
        "target_health_state.unhealthy.connection_termination.enabled": "true",
        "target_health_state.unhealthy.draining_interval_seconds": "0",
    }


def test_addresses_of_clients_are_preserved_for_instances_by_default(site: Site) -> None:
    arn = site.group(TargetType="instance")["TargetGroupArn"]
    found = attributes(site.ask(describe_target_group_attributes, TargetGroupArn=arn))
    assert found["preserve_client_ip.enabled"] == "true"


def test_changed_attributes_stay_and_reach_the_record(site: Site) -> None:
    group = site.group()
    set_attributes(site, group, proxy_protocol_v2__enabled="true")
    set_attributes(site, group, stickiness__enabled="true")
    with site.world.store.read() as tables:
        record = tables.target_groups.find(group["TargetGroupArn"])
    assert record is not None
    assert record.proxy_protocol
    assert record.source_ip_stickiness


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("deregistration_delay.timeout_seconds", ("0", "3600"), ("-1", "3601", "soon", "", "²")),
        ("load_balancing.cross_zone.enabled", ("true", "false", "use_load_balancer_configuration"), ("off",)),
        ("target_group_health.dns_failover.minimum_healthy_targets.count", ("off", "1", "1000"), ("0", "1001")),
        ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", ("1",), ("off", "0")),
        ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", ("off", "100"), ("0", "101")),
        ("proxy_protocol_v2.enabled", ("true", "false"), ("True", "1")),
    ],
)
def test_an_attribute_takes_its_own_values_only(site: Site, key: str, good: tuple[str, ...], bad: tuple[str, ...]) -> None:
    arn = site.group()["TargetGroupArn"]
    for value in good:
        asked = [{"Key": key, "Value": value}]
        answer = site.ask(modify_target_group_attributes, TargetGroupArn=arn, Attributes=asked)
        assert attributes(answer)[key] == value
    for value in bad:
        with pytest.raises(errors.InvalidConfigurationRequest, match=f"not valid for the attribute '{key}'"):
            site.ask(modify_target_group_attributes, TargetGroupArn=arn, Attributes=[{"Key": key, "Value": value}])


def test_an_unknown_attribute_is_not_recognized(site: Site) -> None:
    with pytest.raises(errors.InvalidConfigurationRequest, match="Target group attribute key 'slow_start' is not recognized"):
        set_attributes(site, site.group(), slow_start="30")


def test_a_draining_interval_needs_connections_to_unhealthy_targets_to_stay(site: Site) -> None:
    group = site.group()
    interval = {"target_health_state__unhealthy__draining_interval_seconds": "60"}
    with pytest.raises(errors.InvalidConfigurationRequest, match="can be set only while"):
        set_attributes(site, group, **interval)
    kept = {"target_health_state__unhealthy__connection_termination__enabled": "false"}
    changed = set_attributes(site, group, **interval, **kept)
    assert changed["target_health_state.unhealthy.draining_interval_seconds"] == "60"


def test_a_zone_leaves_the_names_not_later_than_its_node_sends_to_unhealthy_targets(site: Site) -> None:
    group = site.group()
    for of, names, routing in (("count", "2", "3"), ("percentage", "40", "50")):
        keys = [f"target_group_health.{action}.minimum_healthy_targets.{of}" for action in MINIMUMS]
        with pytest.raises(errors.InvalidConfigurationRequest, match="must be greater than or equal to"):
            set_minimums(site, group, keys, names, routing)
        assert set_minimums(site, group, keys, routing, routing)[keys[1]] == routing
        assert set_minimums(site, group, keys, "off", routing)[keys[0]] == "off"


MINIMUMS = ("dns_failover", "unhealthy_state_routing")


def set_minimums(site: Site, group: dict[str, Any], keys: list[str], *values: str) -> dict[str, str]:
    return set_attributes(site, group, **{key.replace(".", "__"): value for key, value in zip(keys, values, strict=True)})


def test_stickiness_is_by_source_address_alone(site: Site) -> None:
    group = site.group()
    assert (
        set_attributes(site, group, stickiness__enabled="true", stickiness__type="source_ip")["stickiness.type"] == "source_ip"
    )
    for kind, reason in (
        ("lb_cookie", "Stickiness type 'lb_cookie' is not supported for target groups with the TCP protocol"),
        ("app_cookie", "Stickiness type 'app_cookie' is not supported for target groups with the TCP protocol"),
        ("source_ip_dest_ip", "'Stickiness type' must be one of [app_cookie, lb_cookie, source_ip]"),
    ):
        with pytest.raises(errors.InvalidConfigurationRequest) as caught:
            set_attributes(site, group, stickiness__type=kind)
        assert caught.value.message == reason
