from __future__ import annotations

from typing import Any

import pytest
from load_balancer_site import ELSEWHERE, OWNER, STRANGER, Site

from sidedoor import errors
from sidedoor.loadbalancers.certificates import (
    add_listener_certificates,
    describe_listener_certificates,
    remove_listener_certificates,
)
from sidedoor.loadbalancers.listeners import (
    create_listener,
    delete_listener,
    describe_listener_attributes,
    describe_listeners,
    modify_listener,
    modify_listener_attributes,
)
from sidedoor.loadbalancers.model import LISTENERS_PER_LOAD_BALANCER, LoadBalancerState
from sidedoor.loadbalancers.rules import create_rule, delete_rule, describe_rules, modify_rule, set_rule_priorities

UNKNOWN = f"arn:aws:elasticloadbalancing:us-east-1:{OWNER}:listener/net/gone/0123456789abcdef/0123456789abcdef"
UNKNOWN_RULE = UNKNOWN.replace(":listener/", ":listener-rule/") + "/0123456789abcdef"
UNKNOWN_GROUP = f"arn:aws:elasticloadbalancing:us-east-1:{OWNER}:targetgroup/gone/0123456789abcdef"


def ports(answer: dict[str, Any]) -> list[int]:
    return [listener["Port"] for listener in answer["Listeners"]]


def forward(arn: str) -> dict[str, Any]:
    return {"Type": "forward", "TargetGroupArn": arn}


# --- create -------------------------------------------------------------------------------------------------------


def test_a_new_listener_is_described_as_aws_describes_it(site: Site) -> None:
    balancer, group = site.balancer(), site.group()
    created = site.listener(balancer, group, 443)
    prefix = balancer["LoadBalancerArn"].replace(":loadbalancer/", ":listener/")
    assert created["ListenerArn"].startswith(f"{prefix}/")
    assert created == {
        "ListenerArn": created["ListenerArn"],
        "LoadBalancerArn": balancer["LoadBalancerArn"],
        "Port": 443,
        "Protocol": "TCP",
        "DefaultActions": [
            {
                "Type": "forward",
                "TargetGroupArn": group["TargetGroupArn"],
                "ForwardConfig": {
                    "TargetGroups": [{"TargetGroupArn": group["TargetGroupArn"]}],
                    "TargetGroupStickinessConfig": {"Enabled": False},
                },
            }
        ],
    }
    assert site.ask(describe_listeners, ListenerArns=[created["ListenerArn"]]) == {"Listeners": [created]}


def test_the_target_group_may_be_named_in_either_form_or_in_both(site: Site) -> None:
    balancer, arn = site.balancer(), site.group()["TargetGroupArn"]
    config = {"ForwardConfig": {"TargetGroups": [{"TargetGroupArn": arn, "Weight": 1}]}}
    for port, action in enumerate(({"Type": "forward", **config}, {**forward(arn), **config}), start=80):
        answer = site.ask(
            create_listener,
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="TCP",
            Port=port,
            DefaultActions=[action],
        )
        assert answer["Listeners"][0]["DefaultActions"][0]["TargetGroupArn"] == arn


def test_an_action_is_shown_with_the_order_and_the_weight_that_it_was_given(site: Site) -> None:
    """Terraform reads both, and would set them for ever where they are missing."""
    balancer, group = site.balancer(), site.group()
    named = {"TargetGroupArn": group["TargetGroupArn"]}
    written = {**forward(group["TargetGroupArn"]), "Order": 1}
    weighed = {"Type": "forward", "ForwardConfig": {"TargetGroups": [{**named, "Weight": 7}]}}
    listener = site.listener(balancer, group, DefaultActions=[written])
    (action,) = listener["DefaultActions"]
    assert (action["Order"], action["ForwardConfig"]["TargetGroups"]) == (1, [named])
    changed = site.ask(modify_listener, ListenerArn=listener["ListenerArn"], DefaultActions=[weighed])["Listeners"][0]
    (action,) = changed["DefaultActions"]
    assert "Order" not in action
    assert action["ForwardConfig"]["TargetGroups"] == weighed["ForwardConfig"]["TargetGroups"]
    site.ask(modify_listener, ListenerArn=listener["ListenerArn"], Port=81)
    (shown,) = site.ask(describe_listeners, ListenerArns=[listener["ListenerArn"]])["Listeners"]
    assert shown["DefaultActions"] == [action]
    too_heavy = {"Type": "forward", "ForwardConfig": {"TargetGroups": [{**named, "Weight": 1000}]}}
    for wrong in ({**written, "Order": 0}, too_heavy):
        with pytest.raises(errors.ValidationError, match="must be a number between"):
            site.ask(modify_listener, ListenerArn=listener["ListenerArn"], DefaultActions=[wrong])


@pytest.mark.parametrize(
    ("request_", "error", "reason"),
    [
        ({"Protocol": None}, errors.ValidationError, "protocol must be specified"),
        ({"Protocol": "TLS"}, errors.ValidationError, "A certificate must be specified for TLS listeners"),
        ({"Protocol": "HTTP"}, errors.ValidationError, "Listener protocol 'HTTP' must be one of 'UDP, TCP, TLS, TCP_UDP'"),
        ({"Protocol": "GENEVE"}, errors.ValidationError, "Listener protocol 'GENEVE' must be one of"),
        (
            {"Protocol": "INVALID"},
            errors.ValidationError,
            r"'INVALID' at 'protocol' failed .* \[HTTP, HTTPS, UDP, TCP, TLS, TCP_UDP\]$",
        ),
        ({"port": None}, errors.ValidationError, "port must be specified"),
        ({"port": 0}, errors.ValidationError, "between 1 and 65535"),
        ({"port": 65536}, errors.ValidationError, "between 1 and 65535"),
        ({"SslPolicy": "ELBSecurityPolicy-2016-08"}, errors.ValidationError, "An SSL policy cannot be specified for TCP"),
        ({"Certificates": [{"CertificateArn": "c"}]}, errors.ValidationError, "A certificate cannot be specified for TCP"),
        ({"AlpnPolicy": ["HTTP2Only"]}, errors.ValidationError, "An ALPN policy cannot be specified for TCP"),
        ({"DefaultActions": []}, errors.ValidationError, "default action must be specified"),
        ({"DefaultActions": [forward("a"), forward("b")]}, errors.TooManyActions, "exactly one default action"),
        ({"DefaultActions": [{"Type": "redirect"}]}, errors.InvalidLoadBalancerAction, "redirect"),
        ({"DefaultActions": [{"Type": "forward"}]}, errors.ValidationError, "target group ARN must be specified"),
        ({"DefaultActions": [forward("web")]}, errors.ValidationError, "'web' is not a valid target group ARN"),
        ({"DefaultActions": [forward(UNKNOWN_GROUP)]}, errors.TargetGroupNotFound, "target groups not found"),
    ],
)
def test_a_listener_that_cannot_be_is_refused(
    site: Site, request_: dict[str, Any], error: type[errors.ApiError], reason: str
) -> None:
    balancer, group = site.balancer(), site.group()
    with pytest.raises(error, match=reason):
        site.listener(balancer, group, **request_)


def test_a_forward_action_has_one_target_group_without_stickiness(site: Site) -> None:
    balancer = site.balancer()
    first, second = site.group("first"), site.group("second")
    both = {"TargetGroups": [{"TargetGroupArn": one["TargetGroupArn"]} for one in (first, second)]}
    for action in (
        {"Type": "forward", "ForwardConfig": both},
        {**forward(first["TargetGroupArn"]), "ForwardConfig": {"TargetGroups": both["TargetGroups"][1:]}},
    ):
        with pytest.raises(errors.ValidationError, match="cannot specify multiple target groups"):
            site.listener(balancer, first, DefaultActions=[action])
    sticky = {"TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60}}
    with pytest.raises(errors.InvalidConfigurationRequest, match="stickiness"):
        site.listener(balancer, first, DefaultActions=[{**forward(first["TargetGroupArn"]), "ForwardConfig": sticky}])


def test_a_taken_port_is_a_duplicate_unless_everything_is_the_same(site: Site) -> None:
    balancer, first, second = site.balancer(), site.group("first"), site.group("second")
    created = site.listener(balancer, first)
    assert site.listener(balancer, first) == created
    with pytest.raises(errors.DuplicateListener, match=balancer["LoadBalancerArn"]):
        site.listener(balancer, second)


def test_a_group_serves_one_load_balancer_only(site: Site) -> None:
    group = site.group()
    site.listener(site.balancer("first"), group)
    with pytest.raises(errors.TargetGroupAssociationLimit, match=group["TargetGroupArn"]):
        site.listener(site.balancer("second"), group)


def test_a_group_of_another_vpc_is_refused(site: Site) -> None:
    with pytest.raises(errors.InvalidConfigurationRequest, match="is not in the load balancer's VPC"):
        site.listener(site.balancer(), site.group(VpcId=ELSEWHERE))


def test_protocols_must_be_compatible(site: Site) -> None:
    balancer, group = site.balancer(), site.group()
    with site.world.store.write() as tables:
        record = tables.target_groups.find(group["TargetGroupArn"])
        assert record is not None
        tables.target_groups.remove(record)
        tables.target_groups.add(type(record)(**{**_fields(record), "protocol": "UDP"}))
    with pytest.raises(errors.IncompatibleProtocols, match=r"TCP .* UDP"):
        site.listener(balancer, group)


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def test_a_load_balancer_takes_fifty_listeners(site: Site) -> None:
    balancer, group = site.balancer(), site.group()
    for port in range(1, LISTENERS_PER_LOAD_BALANCER + 1):
        site.listener(balancer, group, port)
    with pytest.raises(errors.TooManyListeners, match="50"):
        site.listener(balancer, group, 8080)


def test_a_listener_does_not_touch_its_load_balancers_state(site: Site) -> None:
    balancer = site.balancer()
    site.listener(balancer, site.group())
    with site.world.store.read() as tables:
        record = tables.load_balancers.find(balancer["LoadBalancerArn"])
    assert record is not None
    assert (record.state, record.version) == (LoadBalancerState.PROVISIONING, 1)


# --- describe -----------------------------------------------------------------------------------------------------


def test_listeners_of_a_load_balancer_come_in_pages(site: Site) -> None:
    balancer, group = site.balancer(), site.group()
    for port in (82, 80, 81):
        site.listener(balancer, group, port)
    arn = balancer["LoadBalancerArn"]
    first = site.ask(describe_listeners, LoadBalancerArn=arn, PageSize=2)
    second = site.ask(describe_listeners, LoadBalancerArn=arn, PageSize=2, Marker=first["NextMarker"])
    assert (ports(first), ports(second)) == ([82, 80], [81])


def test_a_load_balancer_or_listeners_must_be_named_and_not_both(site: Site) -> None:
    for asked in ({}, {"LoadBalancerArn": "a", "ListenerArns": ["b"]}):
        with pytest.raises(errors.ValidationError, match="either listener ARNs or a load balancer ARN"):
            site.ask(describe_listeners, **asked)


def test_a_missing_listener_is_not_found(site: Site) -> None:
    with pytest.raises(errors.ListenerNotFound):
        site.ask(describe_listeners, ListenerArns=[UNKNOWN])
    for operation in (modify_listener, delete_listener, describe_listener_attributes, describe_listener_certificates):
        with pytest.raises(errors.ListenerNotFound):
            site.ask(operation, ListenerArn=UNKNOWN)
    with pytest.raises(errors.ValidationError, match="'80' is not a valid listener ARN"):
        site.ask(describe_listeners, ListenerArns=["80"])


def test_another_account_can_neither_see_nor_change_a_listener(site: Site) -> None:
    balancer, group = site.balancer(), site.group()
    arn = site.listener(balancer, group)["ListenerArn"]
    for operation in (modify_listener, delete_listener, describe_listener_attributes):
        with pytest.raises(errors.ValidationError, match="is not a valid listener ARN"):
            site.ask(operation, account=STRANGER, ListenerArn=arn)
    with pytest.raises(errors.ValidationError, match="is not a valid load balancer ARN"):
        site.listener(balancer, group, 81, account=STRANGER)


def test_the_default_rule_is_the_only_one(site: Site) -> None:
    listener = site.listener(site.balancer(), site.group())
    answer = site.ask(describe_rules, ListenerArn=listener["ListenerArn"])
    (rule,) = answer["Rules"]
    assert rule["RuleArn"].startswith(listener["ListenerArn"].replace(":listener/", ":listener-rule/") + "/")
    assert (rule["Priority"], rule["Conditions"], rule["IsDefault"]) == ("default", [], True)
    assert rule["Actions"] == listener["DefaultActions"]
    assert site.ask(describe_rules, RuleArns=[rule["RuleArn"]]) == answer
    with pytest.raises(errors.RuleNotFound):
        site.ask(describe_rules, RuleArns=[UNKNOWN_RULE])
    with pytest.raises(errors.ValidationError, match="either listener rule ARNs or a listener ARN"):
        site.ask(describe_rules)


def test_a_listener_can_have_no_other_rule(site: Site) -> None:
    listener = site.listener(site.balancer(), site.group())
    asked = {"Conditions": [{"Field": "path-pattern", "Values": ["/"]}], "Priority": 1, "Actions": listener["DefaultActions"]}
    with pytest.raises(errors.OperationNotPermitted, match="Rules are unsupported for Network Load Balancer listeners"):
        site.ask(create_rule, ListenerArn=listener["ListenerArn"], **asked)
    with pytest.raises(errors.ListenerNotFound):
        site.ask(create_rule, ListenerArn=UNKNOWN, **asked)


def test_the_default_rule_stays_as_it_is(site: Site) -> None:
    listener = site.listener(site.balancer(), site.group())
    (rule,) = site.ask(describe_rules, ListenerArn=listener["ListenerArn"])["Rules"]
    arn = rule["RuleArn"]
    for operation, request, reason in (
        (modify_rule, {"RuleArn": arn, "Actions": listener["DefaultActions"]}, "cannot be modified: modify its listener"),
        (delete_rule, {"RuleArn": arn}, "cannot be deleted: delete its listener"),
        (set_rule_priorities, {"RulePriorities": [{"RuleArn": arn, "Priority": 5}]}, "cannot be changed"),
    ):
        with pytest.raises(errors.OperationNotPermitted, match=reason):
            site.ask(operation, **request)
    assert site.ask(describe_rules, ListenerArn=listener["ListenerArn"])["Rules"] == [rule]


def test_an_unknown_rule_is_not_found(site: Site) -> None:
    for operation, request in (
        (modify_rule, {"RuleArn": UNKNOWN_RULE}),
        (delete_rule, {"RuleArn": UNKNOWN_RULE}),
        (set_rule_priorities, {"RulePriorities": [{"RuleArn": UNKNOWN_RULE, "Priority": 5}]}),
    ):
        with pytest.raises(errors.RuleNotFound):
            site.ask(operation, **request)
    with pytest.raises(errors.ValidationError, match="'first' is not a valid listener rule ARN"):
        site.ask(delete_rule, RuleArn="first")
    with pytest.raises(errors.ValidationError, match="At least one"):
        site.ask(set_rule_priorities, RulePriorities=[])


def test_a_tcp_listener_has_no_certificates_and_takes_none(site: Site) -> None:
    arn = site.listener(site.balancer(), site.group())["ListenerArn"]
    assert site.ask(describe_listener_certificates, ListenerArn=arn) == {"Certificates": []}
    for operation in (add_listener_certificates, remove_listener_certificates):
        with pytest.raises(errors.ValidationError, match="A certificate cannot be specified for TCP listeners"):
            site.ask(operation, ListenerArn=arn, Certificates=[{"CertificateArn": "arn:aws:acm:us-east-1:1:certificate/c"}])
        with pytest.raises(errors.ListenerNotFound):
            site.ask(operation, ListenerArn=UNKNOWN, Certificates=[])


# --- modify and delete --------------------------------------------------------------------------------------------


def test_port_and_target_group_are_changed_in_the_parts_that_are_named(site: Site) -> None:
    balancer, first, second = site.balancer(), site.group("first"), site.group("second")
    arn = site.listener(balancer, first)["ListenerArn"]
    (moved,) = site.ask(modify_listener, ListenerArn=arn, Port=8080)["Listeners"]
    assert (moved["ListenerArn"], moved["Port"]) == (arn, 8080)
    assert moved["DefaultActions"][0]["TargetGroupArn"] == first["TargetGroupArn"]
    actions = [forward(second["TargetGroupArn"])]
    (turned,) = site.ask(modify_listener, ListenerArn=arn, DefaultActions=actions)["Listeners"]
    assert (turned["Port"], turned["DefaultActions"][0]["TargetGroupArn"]) == (8080, second["TargetGroupArn"])


def test_a_change_is_held_to_the_rules_of_a_new_listener(site: Site) -> None:
    balancer, group, taken = site.balancer(), site.group(), site.group("taken")
    arn = site.listener(balancer, group, 80)["ListenerArn"]
    site.listener(balancer, group, 81)
    site.listener(site.balancer("other"), taken)
    for request, error in (
        ({"Port": 81}, errors.DuplicateListener),
        ({"Port": 0}, errors.ValidationError),
        ({"Protocol": "UDP"}, errors.UnsupportedProtocol),
        ({"DefaultActions": [forward(taken["TargetGroupArn"])]}, errors.TargetGroupAssociationLimit),
        ({"DefaultActions": [forward(UNKNOWN_GROUP)]}, errors.TargetGroupNotFound),
    ):
        with pytest.raises(error):
            site.ask(modify_listener, ListenerArn=arn, **request)
    assert ports(site.ask(modify_listener, ListenerArn=arn, Port=80)) == [80]


def test_a_deleted_listener_frees_its_port_and_its_group(site: Site) -> None:
    balancer, group = site.balancer(), site.group()
    arn = site.listener(balancer, group)["ListenerArn"]
    assert site.ask(delete_listener, ListenerArn=arn) == {}
    assert ports(site.ask(describe_listeners, LoadBalancerArn=balancer["LoadBalancerArn"])) == []
    site.listener(site.balancer("other"), group)


# --- attributes ---------------------------------------------------------------------------------------------------


def test_the_idle_timeout_can_be_changed_within_its_range(site: Site) -> None:
    arn = site.listener(site.balancer(), site.group())["ListenerArn"]
    key = "tcp.idle_timeout.seconds"
    assert site.ask(describe_listener_attributes, ListenerArn=arn) == {"Attributes": [{"Key": key, "Value": "350"}]}
    for value in ("60", "6000"):
        answer = site.ask(modify_listener_attributes, ListenerArn=arn, Attributes=[{"Key": key, "Value": value}])
        assert answer == {"Attributes": [{"Key": key, "Value": value}]}
    for value in ("59", "6001", "long"):
        with pytest.raises(errors.InvalidConfigurationRequest, match="a number from 60 to 6000"):
            site.ask(modify_listener_attributes, ListenerArn=arn, Attributes=[{"Key": key, "Value": value}])
    with site.world.store.read() as tables:
        listener = tables.listeners.find(arn)
    assert listener is not None
    assert listener.idle_timeout == 6000


def test_an_attribute_of_another_kind_of_listener_is_not_recognized(site: Site) -> None:
    arn = site.listener(site.balancer(), site.group())["ListenerArn"]
    with pytest.raises(errors.InvalidConfigurationRequest, match=r"Listener attribute key 'routing\.http' is not recognized"):
        site.ask(modify_listener_attributes, ListenerArn=arn, Attributes=[{"Key": "routing.http", "Value": "x"}])
