"""An account never sees, changes or infers what another one has, but through the doors that are named here.

For every parameter of every operation in the table that names a thing: who asks with another account's id gets exactly the
answer that it gets for an id of the same form which nobody has, and the other account's records stay as they are.
"""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import one_of_everything as everything
from api_client import botocore_model
from privatelink_site import Asker
from sidedoor import errors
from sidedoor.api import OPERATIONS
from sidedoor.call import Access, Call, Settings, only_reads, perform
from sidedoor.identity.credentials import root
from sidedoor.networks.defaults import DefaultVpcs
from sidedoor.store.engine import Store
from sidedoor.store.schema import KINDS
from sidedoor.store.tables import Records, Tables

OWNER, OTHER = "111111111111", "222222222222"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SETTINGS = Settings(paging_secret=b"s" * 32)


class Undone(Exception):
    """Ends a transaction that shall leave nothing behind."""


@dataclass
class Ground:
    """A store in which two accounts have one of everything each."""

    store: Store
    of_owner: dict[str, str]
    of_other: dict[str, str]

    def trial(self, service: str, operation: str, request: Mapping[str, Any]) -> tuple[Any, list[Any], list[Any]]:
        """(what the other account is answered, the owner's records then, its own); nothing stays.

        Always the same for the same request: time and randomness are.
        """
        try:
            with self.store.write() as tables:
                call = Call(
                    caller=root(OTHER), region="us-east-1", now=NOW, request_id="req-1", operation=operation, tables=tables,
                    entropy=random.Random(1).randbytes, settings=SETTINGS,
                )  # fmt: skip
                try:
                    answer: Any = OPERATIONS[service][operation](call, request)
                except errors.ApiError as error:
                    answer = {"Error": error.code, "Message": error.message}
                outcome = answer, records_of(tables, OWNER), records_of(tables, OTHER)
                raise Undone
        except Undone:
            return outcome


def records_of(tables: Tables, account: str) -> list[Any]:
    """Everything that belongs to an account, of whatever kind."""
    found: list[Any] = []
    for kind in KINDS:
        if "account" in kind.table.c:
            found += Records(tables.connection, tables.journal, kind).where(account=account)
    return found


@pytest.fixture(scope="module")
def ground(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    path = shutil.copyfile(migrated, tmp_path_factory.mktemp("isolation") / "sidedoor.db")
    store = Store(f"sqlite:///{path}")
    dice = random.Random(7)
    defaults = DefaultVpcs(store)

    def everything_of(account: str, letter: str) -> dict[str, str]:
        access = Access(
            caller=root(account), region="us-east-1", now=NOW, request_id="req-1", entropy=dice.randbytes, settings=SETTINGS
        )

        def ask(service: str, operation: str, /, **request: Any) -> dict[str, Any]:
            return perform(store, access, operation, OPERATIONS[service][operation], request)

        defaults.ensure(access)
        return everything.make(ask, account, letter)

    yield Ground(store, everything_of(OWNER, "a"), everything_of(OTHER, "b"))
    store.close()


PROBES = [
    (service, operation, path, kind)
    for service, operations in OPERATIONS.items()
    for operation in operations
    for path, kind in everything.named_things(service, operation, botocore_model(service, operation).input_shape)
]

DOORS = {("GetAccessKeyInfo", "AccessKeyId"): "STS tells everybody the account of an access key (STS API reference)"}
"""Where another account's id may be told from one that nobody has, and who says so. What others may see of an endpoint service
that lets them in, of a topic whose policy lets them in, of a role that trusts them and of the connections to their own service
is asked at the end of this file."""

_PAIR = "IpPermissions.UserIdGroupPairs.VpcId-vpc"
BLIND = {
    f"AuthorizeSecurityGroupEgress-{_PAIR}": "a group's VPC is read from the group, not from the request",
    f"AuthorizeSecurityGroupIngress-{_PAIR}": "likewise",
    f"RevokeSecurityGroupEgress-{_PAIR}": "likewise",
    f"RevokeSecurityGroupIngress-{_PAIR}": "likewise",
    f"UpdateSecurityGroupRuleDescriptionsEgress-{_PAIR}": "likewise",
    f"UpdateSecurityGroupRuleDescriptionsIngress-{_PAIR}": "likewise",
    "RevokeSecurityGroupEgress-IpPermissions.PrefixListIds.PrefixListId-prefix_list": "no rule names the account's list",
    "UpdateSecurityGroupRuleDescriptionsEgress-IpPermissions.PrefixListIds.PrefixListId-prefix_list": "likewise",
    "DescribePrefixLists-PrefixListIds-prefix_list": "shows only lists of AWS's own, of which there are none",
    **{
        f"{operation}-{path}-target_group": "a listener of a network load balancer has no rules of anybody's"
        for operation in ("CreateRule", "ModifyRule")
        for path in ("Actions.TargetGroupArn", "Actions.ForwardConfig.TargetGroups.TargetGroupArn")
    },
    "RevokeSecurityGroupEgress-SecurityGroupRuleIds-rule": "the account's rule is for the other direction",
    "UpdateSecurityGroupRuleDescriptionsEgress-IpPermissions.UserIdGroupPairs.GroupId-group": "likewise",
    "UpdateSecurityGroupRuleDescriptionsEgress-SecurityGroupRuleDescriptions.SecurityGroupRuleId-rule": "likewise",
    "RunInstances-Placement.GroupId-group": "there are no placement groups",
    "ModifyNetworkInterfaceAttribute-Attachment.AttachmentId-attachment": "an attachment cannot be changed",
    "CreateRoute-VpcEndpointId-endpoint": "only a Gateway Load Balancer endpoint is a target",
    "ReplaceRoute-VpcEndpointId-endpoint": "likewise",
    "CreateVpcEndpoint-RouteTableIds-route_table": "only a gateway endpoint has route tables",
    "ModifyVpcEndpoint-AddRouteTableIds-route_table": "likewise",
    "ModifyVpcEndpoint-RemoveRouteTableIds-route_table": "likewise",
    "ConfirmSubscription-TopicArn-topic": "the token decides, and no subscription here waits for one",
}
"""Questions that one's own id answers as an unknown one does, and why."""


def name_of(probe: tuple[str, str, tuple[str, ...], str]) -> str:
    _, operation, path, kind = probe
    return f"{operation}-{'.'.join(path)}-{kind}"


def without(found: Any, known: str) -> str:
    """An answer as text, with an id taken out of it."""
    return json.dumps(found, sort_keys=True, default=str).replace(json.dumps(known)[1:-1], "ID")


@pytest.fixture(scope="module")
def untouched(ground: Ground) -> list[Any]:
    """The owner's records."""
    return ground.trial("sts", "GetCallerIdentity", {})[1]


@pytest.mark.parametrize("probe", PROBES, ids=name_of)
def test_anothers_id_is_answered_as_one_that_nobody_has(probe: Any, ground: Ground, untouched: list[Any]) -> None:
    service, operation, path, kind = probe
    theirs, nobodys = ground.of_owner[kind], everything.unknown(ground.of_owner[kind], "a")
    assert theirs != nobodys
    answers = []
    for known in (theirs, nobodys):
        asked = everything.request_with(service, operation, ground.of_other, path, known)
        answer, records, _ = ground.trial(service, operation, asked)
        assert records == untouched
        answers.append(without(answer, known))
    assert (answers[0] == answers[1]) is ((operation, path[-1]) not in DOORS)


@pytest.mark.parametrize("probe", PROBES, ids=name_of)
def test_such_a_question_reaches_what_it_names(probe: Any, ground: Ground) -> None:
    """One's own id is answered otherwise, or does something: so that the test above compares more than complaints."""
    service, operation, path, kind = probe
    outcomes = []
    for known in (ground.of_other[kind], everything.unknown(ground.of_other[kind], "b")):
        asked = everything.request_with(service, operation, ground.of_other, path, known)
        answer, _, records = ground.trial(service, operation, asked)
        outcomes.append((without(answer, known), records))
    assert (outcomes[0] == outcomes[1]) is (name_of(probe) in BLIND)


@pytest.mark.parametrize(
    ("service", "operation"),
    [(service, name) for service, names in OPERATIONS.items() for name in names if only_reads(name)],
)
def test_nothing_of_anothers_is_shown_to_who_asks_for_everything(service: str, operation: str, ground: Ground) -> None:
    shape = botocore_model(service, operation).input_shape
    named = set(shape.required_members) if shape is not None else set()
    request = {
        name: value
        for name, value in everything.request_for(service, operation, shape, ground.of_other).items()
        if name in named or name in everything.NEEDED.get(operation, ())
    }
    shown = json.dumps(ground.trial(service, operation, request)[0], default=str)
    with ground.store.read() as tables:
        secrets = {record.id for record in records_of(tables, OWNER)} | set(ground.of_owner.values()) | {OWNER}
    assert [one for one in secrets if re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", shown)] == []


# --- the doors -------------------------------------------------------------------------------------------------------


@dataclass
class Accounts:
    """Two accounts of a world that have one of everything each."""

    world: Asker
    of_owner: dict[str, str]
    of_other: dict[str, str]

    def ask(self, account: str, service: str, operation: str, **request: Any) -> dict[str, Any]:
        return self.world.ask(OPERATIONS[service][operation], account=account, **request)

    def kept_from(self, shown: Any, known: Mapping[str, str], *seen: str) -> None:
        """That nothing of these is shown but what may be seen."""
        hidden = {one for kind, one in known.items() if kind not in seen}
        text = json.dumps(shown, default=str)
        assert [one for one in hidden if re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", text)] == []


@pytest.fixture
def accounts(world: Asker) -> Accounts:
    def everything_of(account: str, letter: str) -> dict[str, str]:
        def ask(service: str, operation: str, /, **request: Any) -> dict[str, Any]:
            return world.ask(OPERATIONS[service][operation], account=account, **request)

        return everything.make(ask, account, letter)

    return Accounts(world, everything_of(OWNER, "a"), everything_of(OTHER, "b"))


def connect(accounts: Accounts) -> dict[str, Any]:
    own = accounts.of_other
    request = {"VpcEndpointType": "Interface", "VpcId": own["vpc"], "SubnetIds": [own["subnet"]]}
    name = {"ServiceName": accounts.of_owner["service_name"]}
    return accounts.ask(OTHER, "ec2", "CreateVpcEndpoint", **request, **name)["VpcEndpoint"]


def test_a_permission_lets_another_account_see_a_service_and_the_log_says_why_not_before(
    accounts: Accounts, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "sidedoor.api")
    with pytest.raises(errors.ServiceNameInvalid):
        connect(accounts)
    (told,) = [record.getMessage() for record in caplog.records if getattr(record, "action", "") == "service.hidden"]
    assert f"account {OWNER}, which owns" in told
    permission = {"ServiceId": accounts.of_owner["service"], "AddAllowedPrincipals": [f"arn:aws:iam::{OTHER}:root"]}
    accounts.ask(OWNER, "ec2", "ModifyVpcEndpointServicePermissions", **permission)
    shown = accounts.ask(OTHER, "ec2", "DescribeVpcEndpointServices")
    assert accounts.of_owner["service_name"] in shown["ServiceNames"]
    accounts.kept_from(shown, accounts.of_owner, "service", "service_name")
    for operation in ("DescribeVpcEndpointServicePermissions", "DeleteVpcEndpointServiceConfigurations"):
        named = (
            {"ServiceId": permission["ServiceId"]} if "Permissions" in operation else {"ServiceIds": [permission["ServiceId"]]}
        )
        try:
            refused = json.dumps(accounts.ask(OTHER, "ec2", operation, **named))
        except errors.ApiError as error:
            refused = error.code
        assert "NotFound" in refused, "who may connect owns nothing"


def test_the_owner_of_a_service_sees_of_a_connection_the_endpoint_and_whose_it_is(accounts: Accounts) -> None:
    permission = {"ServiceId": accounts.of_owner["service"], "AddAllowedPrincipals": ["*"]}
    accounts.ask(OWNER, "ec2", "ModifyVpcEndpointServicePermissions", **permission)
    endpoint = connect(accounts)
    shown = accounts.ask(OWNER, "ec2", "DescribeVpcEndpointConnections")
    theirs = [one for one in shown["VpcEndpointConnections"] if one["VpcEndpointOwner"] == OTHER]
    assert [one["VpcEndpointId"] for one in theirs] == [endpoint["VpcEndpointId"]]
    accounts.kept_from(theirs, accounts.of_other)
    decision = {"ServiceId": accounts.of_owner["service"], "VpcEndpointIds": [endpoint["VpcEndpointId"]]}
    assert accounts.ask(OWNER, "ec2", "AcceptVpcEndpointConnections", **decision)["Unsuccessful"] == []
    with pytest.raises(errors.EndpointIdNotFound):
        accounts.ask(OWNER, "ec2", "DescribeVpcEndpoints", VpcEndpointIds=[endpoint["VpcEndpointId"]])


def test_a_topics_policy_lets_another_account_publish(accounts: Accounts) -> None:
    topic = {"TopicArn": accounts.of_owner["topic"]}
    with pytest.raises(errors.ApiError) as caught:
        accounts.ask(OTHER, "sns", "Publish", Message="hello", **topic)
    assert caught.value.code == "AuthorizationError"
    allowed = {"Label": "one", "AWSAccountId": [OTHER], "ActionName": ["Publish"]}
    accounts.ask(OWNER, "sns", "AddPermission", **allowed, **topic)
    assert accounts.ask(OTHER, "sns", "Publish", Message="hello", **topic)["MessageId"]
    with pytest.raises(errors.ApiError):
        accounts.ask(OTHER, "sns", "GetTopicAttributes", **topic)


def test_a_roles_trust_lets_another_account_assume_it(accounts: Accounts) -> None:
    request = {"RoleArn": accounts.of_owner["role_arn"], "RoleSessionName": "session"}
    with pytest.raises(errors.AccessDenied):
        accounts.ask(OTHER, "sts", "AssumeRole", **request)
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "sts:AssumeRole"}]}
    change = {"RoleName": accounts.of_owner["role"], "PolicyDocument": json.dumps(trust)}
    accounts.ask(OWNER, "iam", "UpdateAssumeRolePolicy", **change)
    assert accounts.ask(OTHER, "sts", "AssumeRole", **request)["Credentials"]
