"""The postman over a real store: what is announced and carried, in which order, and how often. Carriers are the test's own."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sns_site import STRANGER, TOPIC, join, make_topic, set_attribute, token_of

from privatelink_site import CONSUMER, Site
from sidedoor.connections import accept_vpc_endpoint_connections, reject_vpc_endpoint_connections
from sidedoor.endpoints.operations import create_vpc_endpoint, delete_vpc_endpoints
from sidedoor.notifications.carriers.carrier import Undeliverable
from sidedoor.notifications.letter import Letter
from sidedoor.notifications.model import MessageKind
from sidedoor.notifications.operations import (
    create_vpc_endpoint_connection_notification,
    delete_vpc_endpoint_connection_notifications,
    describe_vpc_endpoint_connection_notifications,
)
from sidedoor.notifications.publishing import publish
from sidedoor.notifications.subscriptions import confirm_subscription, unsubscribe
from sidedoor.notifications.topics import delete_topic
from sidedoor.postman import LEASE_SECONDS, Postman
from sidedoor.store import outbox

QUEUE_A, QUEUE_B = (f"arn:aws:sqs:us-east-1:111111111111:{name}" for name in "ab")
STATEMENT = {
    "Effect": "Allow", "Principal": {"Service": "vpce.amazonaws.com"}, "Action": "SNS:Publish", "Resource": TOPIC,
}  # fmt: skip


@dataclass
class Box:
    """A carrier that keeps what it carries, refuses those endpoints that are ``down``, and can be told to hang."""

    letters: list[Letter] = field(default_factory=list)
    down: set[str] = field(default_factory=set)
    final: bool = False
    tries: int = 0
    hang: bool = False
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def carry(self, letter: Letter) -> None:
        self.tries += 1
        self.begun.set()
        if self.hang:
            await asyncio.Event().wait()
        if letter.delivery.endpoint in self.down:
            raise Undeliverable("nobody is there", final=self.final)
        self.letters.append(letter)

    async def close(self) -> None:
        pass

    @property
    def bodies(self) -> list[tuple[str, str]]:
        return [(letter.delivery.endpoint, letter.text) for letter in self.letters]


@dataclass
class Stage:
    site: Site
    box: Box = field(default_factory=Box)
    dead: Box = field(default_factory=Box)
    ahead: timedelta = timedelta()

    @property
    def world(self) -> Any:
        return self.site.world

    def now(self) -> datetime:
        now: datetime = self.world.now + self.ahead
        return now

    def wait(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)

    def postman(self, box: Box | None = None) -> Postman:
        carrier = box or self.box
        return Postman(
            self.world.store, carriers=dict.fromkeys(("http", "https", "email", "sqs"), carrier), dead=self.dead,
            base="http://sns.test", clock=self.now, entropy=self.world.random.randbytes,
        )  # fmt: skip

    def turn(self) -> int:
        return asyncio.run(self.postman().turn())

    def publish(self, text: str, **request: Any) -> None:
        self.world.ask(publish, TopicArn=TOPIC, Message=text, **request)

    def waiting(self) -> int:
        with self.world.store.read() as tables:
            return len(tables.deliveries.where()) + len(tables.messages.where())

    def events(self) -> list[str]:
        return [json.loads(text)["event"] for _, text in self.box.bodies]


@pytest.fixture
def stage(site: Site) -> Stage:
    make_topic(site.world)
    return Stage(site)


def permit(stage: Stage, **condition: dict[str, str]) -> None:
    statement = {**STATEMENT, **({"Condition": condition} if condition else {})}
    set_attribute(stage.world, "Policy", json.dumps({"Statement": [statement]}))


def join_by_http(stage: Stage, endpoint: str, **request: Any) -> None:
    """A confirmed subscription, of which nothing is on its way."""
    arn = join(stage.world, "http", endpoint, **request)
    stage.turn()
    stage.world.ask(confirm_subscription, TopicArn=TOPIC, Token=token_of(stage.world, arn))
    stage.box.letters.clear()
    stage.box.tries = 0


def watched_service(stage: Stage) -> tuple[dict[str, Any], dict[str, Any]]:
    """A service that asks for each event, and the notification."""
    service = stage.site.open_service(AcceptanceRequired=True)
    asked = {"ConnectionNotificationArn": TOPIC, "ConnectionEvents": ["Connect", "Accept", "Delete", "Reject"]}
    made = stage.world.ask(create_vpc_endpoint_connection_notification, ServiceId=service["ServiceId"], **asked)
    return service, made["ConnectionNotification"]


def state_of(stage: Stage) -> str:
    (found,) = stage.world.ask(describe_vpc_endpoint_connection_notifications)["ConnectionNotificationSet"]
    state: str = found["ConnectionNotificationState"]
    return state


# --- events -------------------------------------------------------------------------------------------------------


def test_all_four_events_reach_a_topic_in_their_order(stage: Stage) -> None:
    permit(stage)
    service, notification = watched_service(stage)
    join(stage.world, endpoint=QUEUE_A)
    endpoint_id = stage.site.endpoint(service)["VpcEndpointId"]
    named = {"ServiceId": service["ServiceId"], "VpcEndpointIds": [endpoint_id]}
    stage.world.ask(accept_vpc_endpoint_connections, **named)
    stage.world.ask(reject_vpc_endpoint_connections, **named)
    stage.world.ask(delete_vpc_endpoints, account=CONSUMER, VpcEndpointIds=[endpoint_id])
    stage.turn()
    assert stage.events() == ["Connect", "Accept", "Reject", "Delete"]
    first = json.loads(stage.box.letters[0].text)
    assert first == {
        "version": "1", "source": "aws.vpce", "event": "Connect", "eventTime": first["eventTime"], "region": "us-east-1",
        "connectionNotificationId": notification["ConnectionNotificationId"], "serviceId": service["ServiceId"],
        "vpcEndpointId": endpoint_id, "serviceName": service["ServiceName"], "vpcEndpointOwner": CONSUMER,
        "vpcEndpointState": "pendingAcceptance",
        "link": f"http://sns.test/console/services/{service['ServiceId']}/connections/{endpoint_id}?region=us-east-1",
    }  # fmt: skip
    assert stage.box.letters[0].message.subject == f"{endpoint_id} asks to connect to {service['ServiceId']}"
    assert stage.waiting() == 0


def test_an_event_of_one_call_comes_after_the_one_before_it(stage: Stage) -> None:
    """An endpoint that is accepted by itself: both are of one moment."""
    permit(stage)
    service = stage.site.open_service(AcceptanceRequired=False)
    asked = {"ConnectionNotificationArn": TOPIC, "ConnectionEvents": ["Accept", "Connect"]}
    stage.world.ask(create_vpc_endpoint_connection_notification, ServiceId=service["ServiceId"], **asked)
    join(stage.world, endpoint=QUEUE_A)
    stage.site.endpoint(service)
    stage.turn()
    assert stage.events() == ["Connect", "Accept"]


def test_a_consumer_is_told_of_its_own_endpoint_even_of_its_end(stage: Stage) -> None:
    permit(stage)
    service = stage.site.open_service(AcceptanceRequired=True)
    endpoint = stage.site.endpoint(service)
    endpoint_id = endpoint["VpcEndpointId"]
    asked = {"ConnectionNotificationArn": TOPIC, "ConnectionEvents": ["Accept", "Delete"]}
    stage.world.ask(create_vpc_endpoint_connection_notification, account=CONSUMER, VpcEndpointId=endpoint_id, **asked)
    join(stage.world, endpoint=QUEUE_A)
    stage.world.ask(accept_vpc_endpoint_connections, ServiceId=service["ServiceId"], VpcEndpointIds=[endpoint_id])
    stage.world.ask(delete_vpc_endpoints, account=CONSUMER, VpcEndpointIds=[endpoint_id])
    assert stage.site.remove(endpoint)
    stage.turn()
    assert stage.events() == ["Accept", "Delete"]


@pytest.mark.parametrize("why", ["the default policy", "no topic", "another account's source"])
def test_without_the_chapters_statement_nothing_is_published_and_the_state_says_so(stage: Stage, why: str) -> None:
    if why == "another account's source":
        permit(stage, StringEquals={"aws:SourceAccount": STRANGER})
    watched, _ = watched_service(stage)
    join(stage.world, endpoint=QUEUE_A)
    if why == "no topic":
        stage.world.ask(delete_topic, TopicArn=TOPIC)
    stage.site.endpoint(watched)
    stage.turn()
    assert stage.box.bodies == []
    assert state_of(stage) == "Disabled"
    if why == "no topic":
        make_topic(stage.world)
        join(stage.world, endpoint=QUEUE_A)
    permit(stage, ArnLike={"aws:SourceArn": f"arn:aws:ec2:us-east-1:111111111111:vpc-endpoint-service/{watched['ServiceId']}"})
    stage.site.endpoint(watched)
    stage.turn()
    assert (stage.events(), state_of(stage)) == (["Connect"], "Enabled")


def test_an_event_is_announced_though_its_notification_was_deleted_before_anybody_came_to_it(stage: Stage) -> None:
    permit(stage)
    service, notification = watched_service(stage)
    join(stage.world, endpoint=QUEUE_A)
    stage.site.endpoint(service)
    ids = [notification["ConnectionNotificationId"]]
    stage.world.ask(delete_vpc_endpoint_connection_notifications, ConnectionNotificationIds=ids)
    stage.turn()
    assert stage.events() == ["Connect"]


def test_a_filter_policy_chooses_among_events(stage: Stage) -> None:
    permit(stage)
    service, _ = watched_service(stage)
    join(stage.world, endpoint=QUEUE_A, Attributes={"FilterPolicy": json.dumps({"event": ["Reject"]})})
    endpoint_id = stage.site.endpoint(service)["VpcEndpointId"]
    named = {"ServiceId": service["ServiceId"], "VpcEndpointIds": [endpoint_id]}
    stage.world.ask(reject_vpc_endpoint_connections, **named)
    stage.turn()
    assert stage.events() == ["Reject"]


def test_an_event_that_cannot_be_announced_keeps_no_other_back(stage: Stage) -> None:
    permit(stage)
    service, _ = watched_service(stage)
    join(stage.world, endpoint=QUEUE_A)
    stage.site.endpoint(service)
    with stage.world.store.write() as tables:
        (event,) = outbox.unannounced(tables, 9)
        tables.events.update(event, replace(event, name="Nothing that has a sentence"))
    stage.site.ask(create_vpc_endpoint, account=CONSUMER, VpcEndpointType="Interface", VpcId=stage.site.vpc(CONSUMER),
                   ServiceName=service["ServiceName"], SubnetIds=[stage.site.subnet()])  # fmt: skip
    postman = stage.postman()
    for _ in range(2):
        asyncio.run(postman.turn())
    assert stage.events() == ["Connect"]
    with stage.world.store.read() as tables:
        assert [one.id for one in outbox.unannounced(tables, 9)] == [event.id]


# --- subscriptions ------------------------------------------------------------------------------------------------


def test_before_its_confirmation_an_endpoint_gets_nothing_but_the_question(stage: Stage) -> None:
    arn = join(stage.world, "email", "ops@example.com")
    stage.publish("too early")
    stage.turn()
    (asked,) = stage.box.letters
    assert (asked.message.kind, asked.message.token) == (MessageKind.SUBSCRIPTION_CONFIRMATION, token_of(stage.world, arn))
    stage.world.ask(confirm_subscription, TopicArn=TOPIC, Token=token_of(stage.world, arn))
    stage.publish("now")
    stage.turn()
    assert stage.box.bodies[1:] == [("ops@example.com", "now")]


def test_whoever_unsubscribes_gets_nothing_more_even_of_what_was_on_its_way(stage: Stage) -> None:
    arn = join(stage.world, endpoint=QUEUE_A)
    stage.publish("on its way")
    stage.world.ask(unsubscribe, SubscriptionArn=arn)
    assert (stage.turn(), stage.box.letters, stage.waiting()) == (0, [], 0)


# --- tries --------------------------------------------------------------------------------------------------------


def test_a_dead_subscriber_delays_nobody_and_gets_its_messages_when_it_is_back(stage: Stage) -> None:
    join(stage.world, endpoint=QUEUE_A)
    join(stage.world, endpoint=QUEUE_B)
    stage.box.down = {QUEUE_A}
    stage.publish("one")
    stage.publish("two")
    stage.turn()
    assert stage.box.bodies == [(QUEUE_B, "one"), (QUEUE_B, "two")]
    stage.box.down = set()
    stage.wait(3600)
    stage.turn()
    assert stage.box.bodies[2:] == [(QUEUE_A, "one"), (QUEUE_A, "two")]
    assert stage.waiting() == 0


def test_in_a_lane_nothing_overtakes_and_other_lanes_go_on(stage: Stage) -> None:
    permit(stage)
    service, _ = watched_service(stage)
    join_by_http(stage, "http://here.test/")  # which is tried again after 20 s
    endpoint_id = stage.site.endpoint(service)["VpcEndpointId"]
    stage.box.down = {"http://here.test/"}
    stage.turn()
    tries = stage.box.tries
    stage.world.ask(reject_vpc_endpoint_connections, ServiceId=service["ServiceId"], VpcEndpointIds=[endpoint_id])
    stage.box.down = set()
    stage.turn()
    assert (stage.box.tries, stage.events()) == (tries, [])  # Reject waits for Connect, whose next try is not due
    with stage.world.store.read() as tables:
        assert outbox.waiting(tables, stage.now()) == []  # and costs nothing while it waits
    stage.publish("another lane")
    stage.turn()
    assert [text for _, text in stage.box.bodies] == ["another lane"]
    stage.wait(3600)
    stage.turn()
    assert [json.loads(text)["event"] for _, text in stage.box.bodies[1:]] == ["Connect", "Reject"]


def test_two_postmen_never_have_the_same_delivery_under_way(stage: Stage) -> None:
    join(stage.world, endpoint=QUEUE_A)
    stage.publish("once")
    hanging, other = Box(hang=True), Box()

    async def both() -> None:
        first = asyncio.create_task(stage.postman(hanging).turn())
        async with asyncio.timeout(10):
            await hanging.begun.wait()
        assert await stage.postman(other).turn() == 0
        stage.wait(LEASE_SECONDS + 1)  # the first one has died, as far as anybody can tell
        assert await stage.postman(other).turn() == 1
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)

    asyncio.run(both())
    assert other.bodies == [(QUEUE_A, "once")]
    assert stage.waiting() == 0


def test_what_was_tried_as_often_as_its_policy_says_is_a_dead_letter(stage: Stage) -> None:
    policy = {"healthyRetryPolicy": {"numRetries": 2, "minDelayTarget": 5, "maxDelayTarget": 5}}
    join_by_http(stage, "http://gone.test/", Attributes={"DeliveryPolicy": json.dumps(policy)})
    stage.box.down = {"http://gone.test/"}
    stage.publish("unwanted")
    for _ in range(2):
        assert (stage.turn(), stage.dead.letters) == (1, [])
        assert stage.turn() == 0  # not due yet
        stage.wait(5.1)
    stage.turn()
    assert (stage.box.tries, stage.dead.bodies) == (3, [("http://gone.test/", "unwanted")])
    assert stage.dead.letters[0].delivery.last_error == "nobody is there"
    assert stage.waiting() == 0


def test_a_dead_letter_that_cannot_be_put_away_is_kept(stage: Stage) -> None:
    join(stage.world, endpoint=QUEUE_A)
    stage.box.down, stage.box.final, stage.dead.down = {QUEUE_A}, True, {QUEUE_A}
    stage.publish("unwanted")
    stage.turn()
    assert stage.waiting() == 2
    stage.dead.down = set()
    stage.wait(3600)
    stage.turn()
    assert (stage.box.tries, stage.dead.bodies, stage.waiting()) == (1, [(QUEUE_A, "unwanted")], 0)


def test_running_it_delivers_what_is_published_meanwhile_and_ends_when_it_is_told_to(stage: Stage) -> None:
    join(stage.world, endpoint=QUEUE_A)

    async def play() -> None:
        running = asyncio.create_task(stage.postman().run())
        await asyncio.to_thread(stage.publish, "while it runs")
        async with asyncio.timeout(10):
            await stage.box.begun.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(play())
    assert (stage.box.bodies, stage.waiting()) == ([(QUEUE_A, "while it runs")], 0)
