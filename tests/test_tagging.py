"""Tags between the wire and a record, and AWS's limits on them."""

from __future__ import annotations

import pytest

from sidedoor import errors, tagging


def specification(*pairs: tuple[str, str], resource_type: str = "vpc") -> dict[str, object]:
    return {"ResourceType": resource_type, "Tags": [{"Key": key, "Value": value} for key, value in pairs]}


def test_no_specification_means_no_tags() -> None:
    assert tagging.from_specifications({}, "vpc") == {}
    assert tagging.from_specifications({"TagSpecifications": []}, "vpc") == {}


def test_several_specifications_are_put_together() -> None:
    request = {"TagSpecifications": [specification(("b", "2")), specification(("a", "1"))]}
    assert tagging.from_specifications(request, "vpc") == {"a": "1", "b": "2"}


def test_a_specification_for_another_type_is_refused() -> None:
    request = {"TagSpecifications": [specification(("a", "1"), resource_type="subnet")]}
    with pytest.raises(errors.InvalidParameterValue, match=r"'subnet' is not a valid taggable resource type"):
        tagging.from_specifications(request, "vpc")
    with pytest.raises(errors.InvalidParameter, match="must have a value"):
        tagging.from_specifications({"TagSpecifications": [{"Tags": []}]}, "vpc")
    with pytest.raises(errors.InvalidParameter, match="at least one tag"):
        tagging.from_specifications({"TagSpecifications": [{"ResourceType": "vpc"}]}, "vpc")


@pytest.mark.parametrize("key", ["", "x" * 128, "aws:name", "AWS:name"])
def test_a_key_that_aws_does_not_take_is_malformed(key: str) -> None:
    with pytest.raises(errors.InvalidTagKeyMalformed):
        tagging.from_wire([{"Key": key, "Value": "v"}])


def test_keys_and_values_up_to_the_limits_are_taken() -> None:
    longest = {"x" * 127: "y" * 256}
    assert tagging.from_wire([{"Key": key, "Value": value} for key, value in longest.items()]) == longest
    with pytest.raises(errors.InvalidParameterValue, match="256"):
        tagging.from_wire([{"Key": "a", "Value": "y" * 257}])


def test_a_missing_value_is_empty() -> None:
    assert tagging.from_wire([{"Key": "a"}]) == {"a": ""}


def test_a_key_is_named_once() -> None:
    with pytest.raises(errors.InvalidParameterValue, match="Duplicate tag key 'a'"):
        tagging.from_wire([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "1"}])


def test_a_resource_has_at_most_50_tags() -> None:
    fifty = {f"key{number}": "" for number in range(50)}
    assert tagging.merged(fifty, {"key0": "new"})["key0"] == "new"
    with pytest.raises(errors.TagLimitExceeded):
        tagging.merged(fifty, {"one more": ""})


def test_tags_are_shown_in_the_order_of_their_keys() -> None:
    assert tagging.to_wire({"b": "2", "a": "1"}) == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
