"""LookupEvents: who sees which change of an endpoint, what of it, and in which order and pages."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import uvicorn
from botocore.config import Config

from privatelink_site import CONSUMER, PROVIDER, STRANGER, Site, role_session, user
from sidedoor import errors
from sidedoor.app.control_plane import ControlPlane
from sidedoor.app.events import lines
from sidedoor.connections import accept_vpc_endpoint_connections
from sidedoor.endpoints.operations import create_vpc_endpoint, modify_vpc_endpoint
from sidedoor.settings import Settings
from sidedoor.store.engine import Store
from sidedoor.sweeper import KEEP_EVENTS, Sweeper
from sidedoor.trail.operations import MOST, lookup_events
from world import World

ADDRESS, PROGRAM = "192.0.2.7", "aws-cli/2.0"
ANN, BEN = user(PROVIDER, "ann"), role_session(CONSUMER, "deployer", "ben")


@dataclass
class Life:
    """An endpoint that went through all its states, each by somebody."""

    site: Site
    service: dict[str, Any]
    endpoint: dict[str, Any]

    @property
    def world(self) -> Any:
        return self.site.world

    @property
    def ids(self) -> tuple[str, str]:
        return self.endpoint["VpcEndpointId"], self.service["ServiceId"]

    def look(self, account: str = PROVIDER, **request: Any) -> list[dict[str, Any]]:
        return look(self.world, account, **request)

    def records(self, account: str) -> list[dict[str, Any]]:
        """What CloudTrail's document says of each event, oldest first."""
        return [json.loads(event["CloudTrailEvent"]) for event in reversed(self.look(account))]


def look(world: Any, account: str = PROVIDER, **request: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.ask(lookup_events, account=account, **request)["Events"]
    return found


def by(key: str, value: str) -> dict[str, Any]:
    return {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]}


@pytest.fixture
def site(world: World) -> Site:
    world.source, world.user_agent = ADDRESS, PROGRAM
    return Site(world)


@pytest.fixture
def life(site: Site) -> Life:
    service = site.open_service(AcceptanceRequired=True)
    request = {"VpcEndpointType": "Interface", "VpcId": site.vpc(), "SubnetIds": [site.subnet()]}
    made = site.world.ask(create_vpc_endpoint, caller=BEN, ServiceName=service["ServiceName"], **request)
    lived = Life(site, service, made["VpcEndpoint"])
    endpoint_id, service_id = lived.ids
    decision = {"ServiceId": service_id, "VpcEndpointIds": [endpoint_id]}
    site.world.ask(accept_vpc_endpoint_connections, caller=ANN, **decision)
    assert site.provision(lived.endpoint)
    change = {"VpcEndpointId": endpoint_id, "PolicyDocument": json.dumps({"Statement": []})}
    site.world.ask(modify_vpc_endpoint, account=CONSUMER, **change)
    site.reject(service, lived.endpoint)
    site.accept(service, lived.endpoint)
    assert site.fail(lived.endpoint, "no address is free")
    site.delete(lived.endpoint)
    assert site.remove(lived.endpoint)
    return lived


# --- what is seen -------------------------------------------------------------------------------------------------


def test_each_change_is_there_with_the_states_before_and_after_it(life: Life) -> None:
    changes = [
        ("CreateVpcEndpoint", None, "pendingAcceptance"),
        ("AcceptVpcEndpointConnections", "pendingAcceptance", "pending"),
        ("VpcEndpointAvailable", "pending", "available"),
        ("ModifyVpcEndpoint", "available", "pending"),
        ("RejectVpcEndpointConnections", "pending", "rejected"),
        ("AcceptVpcEndpointConnections", "rejected", "pending"),
        ("VpcEndpointFailed", "pending", "failed"),
        ("DeleteVpcEndpoints", "failed", "deleting"),
        ("VpcEndpointRemoved", "deleting", None),
    ]
    for account in (PROVIDER, CONSUMER):
        told = [(one["eventName"], one["serviceEventDetails"]) for one in life.records(account)]
        assert [(name, details["stateBefore"], details["stateAfter"]) for name, details in told] == changes


def test_both_sides_see_it_and_nobody_else_does(life: Life) -> None:
    theirs, ours = life.look(CONSUMER), life.look(PROVIDER)
    assert [one["EventId"] for one in theirs] == [one["EventId"] for one in ours]
    names = [{one["ResourceName"] for one in event["Resources"]} for event in ours]
    assert names == [set(life.ids)] * 9
    assert life.look(STRANGER) == []
    assert life.look(PROVIDER, region="eu-west-1") == []


def test_of_ones_own_act_everything_is_told(life: Life) -> None:
    connect, accept = life.records(CONSUMER)[0], life.records(PROVIDER)[1]
    for record, caller, kind in ((connect, BEN, "AssumedRole"), (accept, ANN, "IAMUser")):
        assert record["userIdentity"] == {
            "type": kind, "principalId": caller.user_id, "arn": caller.arn, "accountId": caller.account,
            "accessKeyId": caller.access_key_id,
        }  # fmt: skip
        told = (record["sourceIPAddress"], record["userAgent"], record["requestID"], record["eventType"])
        assert told == (ADDRESS, PROGRAM, "req-1", "AwsApiCall")
    (shown,) = life.look(CONSUMER, **by("Username", "ben"))
    assert (shown["EventName"], shown["AccessKeyId"]) == ("CreateVpcEndpoint", BEN.access_key_id)


def test_of_anothers_act_only_the_account_is_told(life: Life) -> None:
    for account, number, other in ((PROVIDER, 0, BEN), (CONSUMER, 1, ANN)):
        record = life.records(account)[number]
        assert record["userIdentity"] == {"type": "AWSAccount", "accountId": other.account}
        event = life.look(account)[8 - number]
        assert (event["Username"], event["AccessKeyId"], record["requestID"]) == (None, None, None)
        hidden = (other.arn, other.user_id, other.access_key_id, ADDRESS, PROGRAM, "req-1")
        told = json.dumps([event, record], default=str)
        assert [one for one in hidden if one in told] == []


def test_what_anothers_act_hides_cannot_be_looked_up_either(life: Life) -> None:
    for account, mine, other in ((PROVIDER, ANN, BEN), (CONSUMER, BEN, ANN)):
        name = other.arn.rpartition("/")[2]
        assert life.look(account, **by("Username", name)) == []
        assert life.look(account, **by("AccessKeyId", str(other.access_key_id))) == []
        assert len(life.look(account, **by("AccessKeyId", str(mine.access_key_id)))) == 1


def test_what_the_data_plane_did_was_done_by_privatelink(life: Life) -> None:
    for record in (one for one in life.records(CONSUMER) if one["eventName"].startswith("VpcEndpoint")):
        assert record["userIdentity"] == {"type": "AWSService", "invokedBy": "vpce.amazonaws.com"}
        assert (record["eventType"], record["sourceIPAddress"]) == ("AwsServiceEvent", "vpce.amazonaws.com")


def test_what_was_refused_is_no_event(life: Life) -> None:
    assert life.site.accept(life.service, life.endpoint)[0]["Error"]["Code"] == "InvalidVpcEndpoint.NotFound"
    assert len(life.look()) == 9


# --- what is asked for --------------------------------------------------------------------------------------------


def test_each_attribute_finds_what_has_it(life: Life) -> None:
    endpoint_id, service_id = life.ids
    oldest = life.look()[-1]["EventId"]
    found = {
        ("EventId", oldest): 1,
        ("EventId", "1" * 36): 0,
        ("EventName", "AcceptVpcEndpointConnections"): 2,
        ("EventName", "VpcEndpointAvailable"): 1,
        ("EventName", "Accept"): 0,
        ("ReadOnly", "false"): 9,
        ("ReadOnly", "true"): 0,
        ("Username", "ann"): 1,
        ("ResourceType", "AWS::EC2::VPCEndpoint"): 9,
        ("ResourceType", "AWS::EC2::VPC"): 0,
        ("ResourceName", endpoint_id): 9,
        ("ResourceName", service_id): 9,
        ("ResourceName", "vpce-00000000000000000"): 0,
        ("EventSource", "ec2.amazonaws.com"): 9,
        ("EventSource", "iam.amazonaws.com"): 0,
    }
    assert {asked: len(life.look(**by(*asked))) for asked in found} == found


def test_a_range_of_time_has_both_its_ends_and_the_newest_is_first(life: Life) -> None:
    with life.world.store.read() as tables:
        moments = sorted(event.created for event in tables.events.where())
    times = [one["EventTime"] for one in life.look()]
    assert times == sorted((moment.replace(microsecond=0) for moment in moments), reverse=True)
    assert len(life.look(StartTime=moments[1], EndTime=moments[1])) == moments.count(moments[1])
    assert len(life.look(StartTime=moments[1])) == 8
    assert len(life.look(EndTime=moments[0])) == 1
    assert life.look(StartTime=moments[-1] + timedelta(seconds=1)) == []
    local = moments[0].astimezone(datetime.now().astimezone().tzinfo)
    assert len(life.look(StartTime=moments[0].timestamp(), EndTime=local)) == 1


def test_pages_go_from_the_newest_to_the_oldest_though_new_events_come(life: Life) -> None:
    whole = [one["EventId"] for one in life.look()]
    shown: list[str] = []
    token: dict[str, Any] = {}
    while True:
        answer = life.world.ask(lookup_events, MaxResults=4, **token)
        shown += [one["EventId"] for one in answer["Events"]]
        if not answer["NextToken"]:
            break
        token = {"NextToken": answer["NextToken"]}
        life.site.endpoint(life.service)
    assert shown == whole
    found = life.world.ask(lookup_events, MaxResults=2, **by("EventName", "CreateVpcEndpoint"))
    assert (len(found["Events"]), bool(found["NextToken"])) == (2, True)
    second = life.world.ask(
        lookup_events, MaxResults=2, NextToken=found["NextToken"], **by("EventName", "CreateVpcEndpoint")
    )  # fmt: skip
    assert (second["Events"][0]["EventId"], second["NextToken"]) == (whole[-1], None)


def test_a_page_has_at_most_fifty(site: Site) -> None:
    service = site.open_service(AcceptanceRequired=True)
    endpoint = site.endpoint(service)
    for _ in range(MOST // 2):
        site.accept(service, endpoint)
        site.reject(service, endpoint)
    first = site.world.ask(lookup_events)
    assert (len(first["Events"]), len(look(site.world, NextToken=first["NextToken"]))) == (MOST, 1)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"MaxResults": 51}, errors.InvalidMaxResults),
        ({"MaxResults": -1}, errors.InvalidMaxResults),
        ({"EventCategory": "insight"}, errors.InvalidEventCategory),
        ({"StartTime": 2, "EndTime": 1}, errors.InvalidTimeRange),
        (by("Colour", "red"), errors.InvalidLookupAttributes),
        (by("EventName", ""), errors.InvalidLookupAttributes),
        ({"LookupAttributes": by("ReadOnly", "true")["LookupAttributes"] * 2}, errors.InvalidLookupAttributes),
        ({"NextToken": "none of ours"}, errors.InvalidTrailToken),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(world: World, request_: dict[str, Any], error: type[errors.ApiError]) -> None:
    with pytest.raises(error) as caught:
        look(world, **request_)
    assert caught.value.code.endswith("Exception")


def test_a_token_is_good_for_its_own_lookup_alone(life: Life) -> None:
    token = life.world.ask(lookup_events, MaxResults=2)["NextToken"]
    assert len(life.look(MaxResults=2, NextToken=token)) == 2
    with pytest.raises(errors.InvalidTrailToken):
        life.look(MaxResults=2, NextToken=token, **by("ReadOnly", "false"))
    with pytest.raises(errors.InvalidTrailToken):
        life.look(CONSUMER, MaxResults=2, NextToken=token)


# --- how long it is kept ------------------------------------------------------------------------------------------


def test_events_are_forgotten_when_they_are_older_than_what_is_kept(life: Life) -> None:
    world = life.world
    begun = life.look()[-1]["EventTime"]
    assert Sweeper(world.store, lambda: begun + KEEP_EVENTS - timedelta(seconds=1)).sweep() == 0
    assert Sweeper(world.store, lambda: begun + KEEP_EVENTS + timedelta(seconds=1)).sweep() == 3
    assert [one["EventName"] for one in life.look()][-1] == "ModifyVpcEndpoint"
    assert Sweeper(world.store, lambda: world.now + timedelta(days=2), keep_events=timedelta(days=1)).sweep() == 6
    assert life.look() == []


def test_who_follows_the_log_sees_what_comes_after_all_of_it_was_forgotten(life: Life) -> None:
    world = life.world
    path = Path(str(world.store.engine.url.database))
    followed = lines(Settings(state=path.parent), follow=True, from_the_first=True, as_json=True)
    try:
        seen = [json.loads(next(followed))["event"] for _ in range(9)]
        assert (seen[0], seen[-1]) == ("Connect", "Removed")
        assert Sweeper(world.store, lambda: world.now + KEEP_EVENTS * 2).sweep() == 9
        life.site.endpoint(life.service)
        assert json.loads(next(followed))["sequence"] == 1
    finally:
        followed.close()


# --- on the wire --------------------------------------------------------------------------------------------------


@pytest.fixture
def endpoint_url(migrated: Path, tmp_path: Path) -> Iterator[tuple[Site, str]]:
    store = Store(f"sqlite:///{shutil.copyfile(migrated, tmp_path / 'wire.db')}")
    app = ControlPlane(store, dev=True).application()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", ws="none", log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield Site(World(store)), f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=20)
        assert not thread.is_alive()
    store.close()


def test_boto3_and_the_real_program_look_up_who_accepted_from_where(endpoint_url: tuple[Site, str], tmp_path: Path) -> None:
    site, url = endpoint_url
    service = site.open_service(AcceptanceRequired=True)
    endpoint_id = site.endpoint(service)["VpcEndpointId"]

    def client(name: str) -> Any:
        return boto3.client(
            name, endpoint_url=url, region_name="us-east-1", aws_access_key_id=PROVIDER, aws_secret_access_key="anything",
            config=Config(ignore_configured_endpoint_urls=True, user_agent_extra="our-portal/7"),
        )  # fmt: skip

    ec2, trail = client("ec2"), client("cloudtrail")
    ec2.accept_vpc_endpoint_connections(ServiceId=service["ServiceId"], VpcEndpointIds=[endpoint_id])
    pages = trail.get_paginator("lookup_events").paginate(PaginationConfig={"PageSize": 1}, **by("ResourceName", endpoint_id))
    accept, connect = [event for page in pages for event in page["Events"]]
    record = json.loads(accept["CloudTrailEvent"])
    assert (record["sourceIPAddress"], record["userIdentity"]["arn"]) == ("127.0.0.1", f"arn:aws:iam::{PROVIDER}:root")
    assert "our-portal/7" in record["userAgent"]
    assert (accept["EventName"], accept["AccessKeyId"]) == ("AcceptVpcEndpointConnections", PROVIDER)
    assert abs(accept["EventTime"] - datetime.now(UTC)) < timedelta(minutes=1)
    assert (connect["EventName"], "Username" in connect, "AccessKeyId" in connect) == ("CreateVpcEndpoint", False, False)
    with pytest.raises(trail.exceptions.InvalidLookupAttributesException):
        trail.lookup_events(LookupAttributes=by("ReadOnly", "false")["LookupAttributes"] * 2)

    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_ACCESS_KEY_ID": PROVIDER, "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": url,
    }  # fmt: skip
    asked = f"AttributeKey=EventName,AttributeValue={accept['EventName']}"
    program = [sys.executable, "-m", "awscli", "cloudtrail", "lookup-events", "--lookup-attributes", asked, "--output", "json"]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    (shown,) = json.loads(done.stdout)["Events"]
    assert (shown["EventId"], shown["CloudTrailEvent"]) == (accept["EventId"], accept["CloudTrailEvent"])
    for one in (ec2, trail):
        one.close()
