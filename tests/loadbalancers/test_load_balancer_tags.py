from __future__ import annotations

from typing import Any

import pytest
from load_balancer_site import OWNER, STRANGER, Site

from sidedoor import errors
from sidedoor.loadbalancers.tags import add_tags, describe_tags, remove_tags

UNKNOWN = f"arn:aws:elasticloadbalancing:us-east-1:{OWNER}:loadbalancer/net/gone/0123456789abcdef"


def described(site: Site, *arns: str) -> list[dict[str, str]]:
    found = site.ask(describe_tags, ResourceArns=list(arns))["TagDescriptions"]
    assert [one["ResourceArn"] for one in found] == list(arns)
    return [{tag["Key"]: tag["Value"] for tag in one["Tags"]} for one in found]


def pairs(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@pytest.fixture
def arns(site: Site) -> list[str]:
    """A load balancer, a target group and a listener, each made with a tag."""
    balancer, group = site.balancer(Tags=pairs(made="balancer")), site.group(Tags=pairs(made="group"))
    listener = site.listener(balancer, group, Tags=pairs(made="listener"))
    return [balancer["LoadBalancerArn"], group["TargetGroupArn"], listener["ListenerArn"]]


def test_each_resource_has_the_tags_it_was_made_with(site: Site, arns: list[str]) -> None:
    assert described(site, *arns) == [{"made": "balancer"}, {"made": "group"}, {"made": "listener"}]


def test_tags_are_added_replaced_and_removed_on_several_resources_at_once(site: Site, arns: list[str]) -> None:
    assert site.ask(add_tags, ResourceArns=arns, Tags=[*pairs(team="a", made="x"), {"Key": "bare"}]) == {}
    assert described(site, *arns) == [{"team": "a", "made": "x", "bare": ""}] * 3
    assert site.ask(remove_tags, ResourceArns=arns[:2], TagKeys=["made", "bare", "unknown"]) == {}
    assert described(site, *arns) == [{"team": "a"}, {"team": "a"}, {"team": "a", "made": "x", "bare": ""}]


def test_a_resource_has_fifty_tags_at_most(site: Site, arns: list[str]) -> None:
    site.ask(add_tags, ResourceArns=arns[:1], Tags=pairs(**{f"k{n}": "" for n in range(49)}))
    with pytest.raises(errors.TooManyTags, match="50"):
        site.ask(add_tags, ResourceArns=arns[:1], Tags=pairs(more=""))
    site.ask(add_tags, ResourceArns=arns[:1], Tags=pairs(made="again"))
    with pytest.raises(errors.TooManyTags):
        site.group("many", Tags=pairs(**{f"k{n}": "" for n in range(51)}))


@pytest.mark.parametrize(
    ("tags", "error"),
    [
        ([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}], errors.DuplicateTagKeys),
        ([{"Key": "", "Value": "1"}], errors.ValidationError),
        ([{"Key": "k" * 129, "Value": "1"}], errors.ValidationError),
        ([{"Key": "k", "Value": "v" * 257}], errors.ValidationError),
        ([{"Key": "AWS:mine", "Value": "1"}], errors.ValidationError),
    ],
)
def test_tags_that_aws_does_not_take_are_refused(
    site: Site, arns: list[str], tags: list[dict[str, Any]], error: type[errors.ApiError]
) -> None:
    with pytest.raises(error):
        site.ask(add_tags, ResourceArns=arns, Tags=tags)
    with pytest.raises(error):
        site.balancer("other", Tags=tags)
    assert described(site, arns[0]) == [{"made": "balancer"}]


def test_a_missing_resource_stops_the_whole_call(site: Site, arns: list[str]) -> None:
    with pytest.raises(errors.LoadBalancerNotFound):
        site.ask(add_tags, ResourceArns=[arns[0], UNKNOWN], Tags=pairs(team="a"))
    assert described(site, arns[0]) == [{"made": "balancer"}]
    with pytest.raises(errors.ValidationError, match="'nothing' is not the ARN"):
        site.ask(describe_tags, ResourceArns=["nothing"])


def test_another_account_can_neither_read_nor_write_tags(site: Site, arns: list[str]) -> None:
    for arn in arns:
        with pytest.raises(errors.ValidationError, match="is not a valid"):
            site.ask(describe_tags, account=STRANGER, ResourceArns=[arn])
        with pytest.raises(errors.ValidationError, match="is not a valid"):
            site.ask(add_tags, account=STRANGER, ResourceArns=[arn], Tags=pairs(theirs="yes"))


def test_twenty_resources_are_described_at_most(site: Site, arns: list[str]) -> None:
    with pytest.raises(errors.ValidationError, match="Up to 20"):
        site.ask(describe_tags, ResourceArns=[arns[0]] * 21)
