"""Postmen that die at any step of their work lose nothing, and no two of them ever carry the same letter at the same time.

A postman dies as ``kill -9`` has it: at one of its steps, and from then on it does nothing more; what it had not committed is
undone. The steps are: before a transaction, before its commit, after it, on the way to a subscriber, and when the letter has
arrived there and nobody knows.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sns_site import PROVIDER, TOPIC, join, make_topic, set_attribute, token_of

from sidedoor import ids
from sidedoor.notifications.carriers.carrier import Undeliverable
from sidedoor.notifications.letter import Letter
from sidedoor.notifications.model import MessageKind
from sidedoor.notifications.publishing import publish
from sidedoor.notifications.subscriptions import confirm_subscription
from sidedoor.postman import LEASE_SECONDS, Postman
from sidedoor.store import outbox
from sidedoor.store.engine import Store
from sidedoor.store.schema import Notice, OutboxEvent
from sidedoor.store.tables import Tables
from world import START, World

QUEUES = [f"arn:aws:sqs:us-east-1:{PROVIDER}:{name}" for name in "ab"]
HOOK = "http://hook.test/"
SERVICE = "vpce-svc-0123456789abcdef0"
ENDPOINTS = ("vpce-00000000000000001", "vpce-00000000000000002")
STATEMENT = {
    "Effect": "Allow", "Principal": {"Service": "vpce.amazonaws.com"}, "Action": "SNS:Publish", "Resource": TOPIC,
}  # fmt: skip
IMMORTAL = 10**9


class Died(BaseException):
    """No part of the postman may catch it, as none can catch SIGKILL."""


@dataclass
class Life:
    """How many more steps a postman takes before it dies."""

    left: int = IMMORTAL

    def step(self) -> None:
        if self.left <= 0:
            raise Died
        self.left -= 1


class MortalStore:
    """What a postman asks of a store, with a step before a transaction, before its commit and after it."""

    def __init__(self, store: Store, life: Life) -> None:
        self._store, self._life = store, life

    @contextmanager
    def write(self) -> Iterator[Tables]:
        self._life.step()
        with self._store.write() as tables:
            yield tables
            self._life.step()
        self._life.step()

    @contextmanager
    def read(self) -> Iterator[Tables]:
        self._life.step()
        with self._store.read() as tables:
            yield tables


@dataclass
class Street:
    """Where all subscribers are. What each got, in order: (lane, text); and what it refused for good, and what was put away."""

    dice: Random
    trouble: float = 0.0
    ahead: timedelta = field(default_factory=timedelta)
    got: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    dead: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    refused: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    under_way: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def now(self) -> datetime:
        return START + timedelta(hours=1) + self.ahead

    def pass_time(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)

    async def idle(self) -> None:
        for _ in range(self.dice.randrange(4)):
            await asyncio.sleep(0)


@dataclass
class MortalCarrier:
    street: Street
    life: Life
    dead: bool = False

    async def carry(self, letter: Letter) -> None:
        street, delivery = self.street, letter.delivery
        if delivery.id in street.under_way:
            street.wrong.append(f"{delivery.id} is under way twice")
        street.under_way.add(delivery.id)
        try:
            await street.idle()
            self.life.step()
            street.pass_time(street.dice.random())
            self._receive(letter)
            await street.idle()
            self.life.step()
        finally:
            street.under_way.discard(delivery.id)

    def _receive(self, letter: Letter) -> None:
        street, endpoint, what = self.street, letter.delivery.endpoint, (letter.delivery.lane, letter.text)
        if letter.message.kind is not MessageKind.NOTIFICATION:
            return
        if street.dice.random() < street.trouble:
            final = not self.dead and street.dice.random() < 0.3
            if final:
                street.refused[endpoint].append(what)
            raise Undeliverable("not now", final=final)
        (street.dead if self.dead else street.got)[endpoint].append(what)

    async def close(self) -> None:
        pass


class AtOnce(ThreadPoolExecutor):
    """Does what it is given at once, so that the order of everything follows from the dice alone."""

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*given, **named))
        except BaseException as error:
            done.set_exception(error)
        return done


def postman(world: World, street: Street, life: Life) -> Postman:
    carrier = MortalCarrier(street, life)
    store: Any = MortalStore(world.store, life)
    return Postman(
        store, carriers=dict.fromkeys(("http", "email", "sqs"), carrier), dead=MortalCarrier(street, life, dead=True),
        base="http://sns.test", clock=street.now, entropy=world.random.randbytes,
    )  # fmt: skip


def deliver(world: World, street: Street, lives: list[Life]) -> list[BaseException | int]:
    """Postmen with these lives do at one time what is due now. Returns what became of each."""

    async def together() -> list[BaseException | int]:
        asyncio.get_running_loop().set_default_executor(AtOnce())
        turns = [postman(world, street, life).turn() for life in lives]
        return await asyncio.gather(*turns, return_exceptions=True)

    return asyncio.run(together())


@dataclass
class Round:
    """``sent``: what happens before it (a number: an event of that endpoint; None: a message is published)."""

    sent: list[int | None]
    lives: list[int]
    trouble: float
    seconds: float


ROUNDS = st.lists(
    st.builds(
        Round,
        sent=st.lists(st.sampled_from([0, 0, 1, None]), max_size=3),
        lives=st.lists(st.one_of(st.integers(0, 30), st.just(IMMORTAL)), min_size=1, max_size=2),
        trouble=st.sampled_from([0.0, 0.0, 0.5]),
        seconds=st.sampled_from([0.0, 1.0, 25.0, LEASE_SECONDS + 1]),
    ),
    min_size=1,
    max_size=5,
)


class Town:
    """A topic that two queues and a hook are subscribed to, and a mailbox whose owner never confirms."""

    def __init__(self, store: Store) -> None:
        self.world = World(store)
        with store.write() as tables:
            tables.clear()
        make_topic(self.world)
        set_attribute(self.world, "Policy", json.dumps({"Statement": [STATEMENT]}))
        for queue in QUEUES:
            join(self.world, endpoint=queue)
        arn = join(self.world, "http", HOOK)
        self.world.ask(confirm_subscription, TopicArn=TOPIC, Token=token_of(self.world, arn))
        join(self.world, "email", "never@example.com")
        self.sent: list[str] = []

    def send(self, what: int | None) -> None:
        """Sends something that carries its number, so that its place in the order is known."""
        number = f"{len(self.sent):03}"
        self.sent.append(number)
        if what is None:
            self.world.ask(publish, TopicArn=TOPIC, Message=number)
            return
        facts = {"serviceName": number, "vpcEndpointOwner": PROVIDER, "vpcEndpointState": "available"}
        notice = Notice(notification_id="vpce-nfn-1", topic_arn=TOPIC, source_arn=f"arn:aws:ec2:us-east-1:{PROVIDER}:x")
        with self.world.store.write() as tables:
            tables.events.add(
                OutboxEvent(
                    id=ids.random_uuid(self.world.random.randbytes), account=PROVIDER, region="us-east-1", name="Connect",
                    service_id=SERVICE, endpoint_id=ENDPOINTS[what], created=self.world.now, notices=(notice,),
                    sequence=outbox.next_event(tables), announced=False, body=facts,
                )
            )  # fmt: skip

    def left(self) -> int:
        with self.world.store.read() as tables:
            waiting = len(tables.deliveries.where()) + len(tables.messages.where())
            return waiting + len([event for event in tables.events.where() if not event.announced])


def number_of(text: str) -> str:
    return str(json.loads(text)["serviceName"]) if text.startswith("{") else text


def play(store: Store, rounds: list[Round], seed: int) -> int:
    """Returns how many postmen died."""
    town, street, died = Town(store), Street(Random(seed)), 0
    for one in rounds:
        for what in one.sent:
            town.send(what)
        street.trouble = one.trouble
        ends = deliver(town.world, street, [Life(left) for left in one.lives])
        assert [end for end in ends if isinstance(end, BaseException) and not isinstance(end, Died)] == []
        died += sum(isinstance(end, Died) for end in ends)
        street.under_way.clear()
        street.pass_time(one.seconds)
    street.trouble = 0.0
    for _ in range(60):
        if town.left() == 0:
            break
        street.pass_time(LEASE_SECONDS + 1)
        deliver(town.world, street, [Life(), Life()])
    check(town, street)
    return died


def check(town: Town, street: Street) -> None:
    assert (town.left(), street.wrong) == (0, [])
    assert set(street.got) | set(street.dead) <= {*QUEUES, HOOK, "never@example.com"}
    assert "never@example.com" not in street.got
    for endpoint in (*QUEUES, HOOK):
        arrived, refused, dead = (numbers(of[endpoint]) for of in (street.got, street.refused, street.dead))
        assert arrived | dead == set(town.sent)
        assert dead <= refused
        in_order(street.got[endpoint])
        in_order(street.dead[endpoint])


def numbers(got: list[tuple[str, str]]) -> set[str]:
    return {number_of(text) for _, text in got}


def in_order(got: list[tuple[str, str]]) -> None:
    """In a lane one may come again, but none before one that came earlier."""
    lanes: dict[str, list[str]] = defaultdict(list)
    for lane, text in got:
        lanes[lane].append(number_of(text))
    for came in lanes.values():
        assert came == sorted(came)


@pytest.fixture
def deaths(engine: str) -> Iterator[list[int]]:
    """How many postmen died in each example: a test in which none did would prove nothing."""
    counted: list[int] = []
    yield counted
    assert sum(counted) >= len(counted) / 3


FEW = {"sqlite": 25, "postgresql": 6}


def test_no_death_at_any_step_loses_or_reorders_anything(any_store: Store, engine: str, deaths: list[int]) -> None:
    @settings(
        max_examples=FEW[engine], deadline=None, derandomize=True, database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )  # fmt: skip
    @given(rounds=ROUNDS, seed=st.integers(0, 2**32))
    @example(rounds=[Round([0, 0, None], [5, IMMORTAL], 0.0, 0.0), Round([0], [9], 0.5, 25.0)], seed=1)
    def holds(rounds: list[Round], seed: int) -> None:
        deaths.append(play(any_store, rounds, seed))

    holds()


def test_each_step_is_one_at_which_a_postman_can_die(any_store: Store, engine: str) -> None:
    """A postman that dies at its first step, at its second and so on, until it lives through all it has to do."""
    step = 0
    while play(any_store, [Round([0, 0, None], [step], 0.0, 0.0)], seed=step):
        step += 1 if engine == "sqlite" else 7
    assert step > 20
