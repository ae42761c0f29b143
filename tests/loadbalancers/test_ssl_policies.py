from __future__ import annotations

from typing import Any

import pytest
from load_balancer_site import Site

from sidedoor import errors
from sidedoor.loadbalancers.ssl_policies import describe_ssl_policies
from sidedoor.loadbalancers.tls_policies import POLICIES, PREFERENCE


def names(answer: dict[str, Any]) -> list[str]:
    return [policy["Name"] for policy in answer["SslPolicies"]]


def test_each_policy_has_its_versions_and_its_ciphers_in_the_order_of_preference(site: Site) -> None:
    found = site.ask(describe_ssl_policies)["SslPolicies"]
    assert [policy["Name"] for policy in found] == list(POLICIES)
    for policy in found:
        ciphers = [one["Name"] for one in policy["Ciphers"]]
        assert [one["Priority"] for one in policy["Ciphers"]] == list(range(1, len(ciphers) + 1))
        assert ciphers == sorted(ciphers, key=PREFERENCE.index)
        assert len(set(ciphers)) == len(ciphers) > 0
        assert policy["SupportedLoadBalancerTypes"] == ["application", "network"]
        assert ("TLSv1.3" in policy["SslProtocols"]) is any(one.startswith("TLS_") for one in ciphers)


@pytest.mark.parametrize(
    ("name", "versions", "ciphers"),
    [
        ("ELBSecurityPolicy-TLS13-1-2-2021-06", ["TLSv1.3", "TLSv1.2"], 11),
        ("ELBSecurityPolicy-TLS13-1-3-2021-06", ["TLSv1.3"], 3),
        ("ELBSecurityPolicy-TLS13-1-0-2021-06", ["TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1"], 21),
        ("ELBSecurityPolicy-2016-08", ["TLSv1.2", "TLSv1.1", "TLSv1"], 18),
        ("ELBSecurityPolicy-TLS-1-2-2017-01", ["TLSv1.2"], 12),
    ],
)
def test_a_policy_is_found_by_its_name(site: Site, name: str, versions: list[str], ciphers: int) -> None:
    (policy,) = site.ask(describe_ssl_policies, Names=[name, name])["SslPolicies"]
    assert (policy["Name"], policy["SslProtocols"], len(policy["Ciphers"])) == (name, versions, ciphers)


def test_a_policy_that_is_none_is_not_found(site: Site) -> None:
    with pytest.raises(errors.SslPolicyNotFound, match="Mine"):
        site.ask(describe_ssl_policies, Names=["ELBSecurityPolicy-2016-08", "Mine"])


def test_policies_are_those_of_a_kind_of_load_balancer(site: Site) -> None:
    assert names(site.ask(describe_ssl_policies, LoadBalancerType="network")) == list(POLICIES)
    assert names(site.ask(describe_ssl_policies, LoadBalancerType="gateway")) == []
    with pytest.raises(errors.ValidationError, match="Value 'classic' at 'loadBalancerType' failed"):
        site.ask(describe_ssl_policies, LoadBalancerType="classic")


def test_pages_follow_each_other_by_marker(site: Site) -> None:
    first = site.ask(describe_ssl_policies, PageSize=5)
    rest = site.ask(describe_ssl_policies, Marker=first["NextMarker"])
    assert names(first) + names(rest) == list(POLICIES)
    assert len(names(first)) == 5
    assert "NextMarker" not in rest
