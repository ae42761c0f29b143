"""The policies that stand in a user or role itself. They are stored and not enforced: who has a key may call everything."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from sidedoor import errors
from sidedoor.call import Answer, Call, Request
from sidedoor.identity.constraints import check_name
from sidedoor.identity.pages import marked_page
from sidedoor.identity.policy_grammar import check_policy


def with_policy(policies: Mapping[str, str], request: Request) -> dict[str, str]:
    """The policies with the request's one put among them."""
    name = check_name(request["PolicyName"], "policyName", longest=128)
    return {**policies, name: check_policy(request["PolicyDocument"])}


def without_policy(policies: Mapping[str, str], request: Request) -> dict[str, str]:
    """The policies without the one that the request names."""
    named_policy(policies, request)
    return {name: text for name, text in policies.items() if name != request["PolicyName"]}


def named_policy(policies: Mapping[str, str], request: Request) -> Answer:
    """The policy that the request names, as an answer shows it. Raises ``NoSuchEntity``."""
    name = request["PolicyName"]
    if name not in policies:
        raise errors.NoSuchEntity(f"The policy with name {name} cannot be found.")
    return {"PolicyName": name, "PolicyDocument": encoded(policies[name])}


def policy_names(call: Call, request: Request, policies: Mapping[str, str]) -> Answer:
    """The names of the policies, a page of them."""
    shown, rest = marked_page(call, request, policies, key=str)
    return {"PolicyNames": shown, **rest}


def encoded(document: str) -> str:
    """A policy as IAM answers it: "URL-encoded compliant with RFC 3986" (IAM API reference, ``GetUserPolicy``)."""
    return quote(document, safe="")
