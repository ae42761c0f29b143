"""The verifier over a real store and a real DNS server on loopback: what it looks for, when, and what it writes down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import dns.rcode
import pytest

from dns_authority import Authority, authority
from privatelink_site import PROVIDER, Site
from sidedoor import verifier as module
from sidedoor.names.model import DnsRecord
from sidedoor.names.txt import TxtResolver
from sidedoor.services.model import DnsNameState, Service
from sidedoor.services.operations import (
    delete_vpc_endpoint_service_configurations,
    modify_vpc_endpoint_service_configuration,
)
from sidedoor.services.private_dns import start_vpc_endpoint_service_private_dns_verification
from sidedoor.services.verification import PERIOD
from sidedoor.store.engine import Store
from sidedoor.verifier import Verifier

EVERY = 60.0


@dataclass
class Stage:
    """A service whose name waits, a DNS server, a clock, and a verifier that has them."""

    site: Site
    server: Authority
    service_id: str
    now: datetime
    verifier: Verifier = field(init=False)

    def __post_init__(self) -> None:
        self.verifier = self.another()

    def another(self, **settings: Any) -> Verifier:
        """A verifier that has been started just now."""
        texts = TxtResolver(("127.0.0.1", self.server.port), seconds=0.3).texts
        return Verifier(
            self.site.world.store, **{"texts": texts, "trust": False, "every": EVERY, "clock": lambda: self.now} | settings
        )

    @property
    def service(self) -> Service:
        with self.site.world.store.read() as tables:
            found = tables.services.find(self.service_id)
        assert found is not None
        return found

    @property
    def state(self) -> str:
        return (self.service.private_dns_state or DnsNameState.FAILED).value

    @property
    def place(self) -> str:
        return f"{self.service.private_dns_record_name}.api.example.com"

    def publish(self, place: str | None = None) -> None:
        self.server.texts[place or self.place] = [self.service.private_dns_record_value or ""]

    def put(self, name: str, value: str | None, kind: str = "TXT") -> None:
        """A record of our own."""
        with self.site.world.store.write() as tables:
            tables.dns_records.add(DnsRecord(id=f"dnsr-{name}", name=name, type=kind, value=value or "", created=self.now))

    def start(self) -> None:
        self.site.ask(start_vpc_endpoint_service_private_dns_verification, ServiceId=self.service_id)

    def rename(self, name: str) -> None:
        self.site.ask(modify_vpc_endpoint_service_configuration, ServiceId=self.service_id, PrivateDnsName=name)

    async def turn(self, after: float = 0.0) -> str:
        """One turn of the verifier, so many seconds later. Returns the state to which it led."""
        self.now += timedelta(seconds=after)
        await self.verifier.turn()
        return self.state


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in the database and in the server
            await asyncio.sleep(0.005)


Scenario = Callable[[Stage], Awaitable[None]]
Play = Callable[[Scenario], None]


@pytest.fixture
def play(world: Any) -> Play:
    def run(scenario: Scenario) -> None:
        async def whole() -> None:
            async with authority() as server:
                site = Site(world)
                service = site.service(PrivateDnsName="api.example.com")
                await scenario(Stage(site, server, service["ServiceId"], world.now))

        asyncio.run(whole())

    return run


# --- where the proof may be ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["{record}.api.example.com", "api.example.com", "{record}.example.com", "example.com"])
def test_the_record_proves_the_name_at_each_of_its_places(play: Play, place: str) -> None:
    async def scenario(stage: Stage) -> None:
        stage.publish(place.format(record=stage.service.private_dns_record_name))
        assert await stage.turn() == "verified"

    play(scenario)


def test_the_places_are_asked_in_order_up_to_the_first_that_proves(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        record = stage.service.private_dns_record_name
        stage.publish(f"{record}.example.com")
        await stage.turn()
        assert stage.server.asked == [f"{record}.api.example.com", "api.example.com", f"{record}.example.com"]

    play(scenario)


def test_a_wildcard_is_proved_at_its_domain(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        stage.rename("*.shop.example.org")
        stage.publish(f"{stage.service.private_dns_record_name}.shop.example.org")
        assert await stage.turn() == "verified"

    play(scenario)


def test_the_text_has_to_be_equal_to_the_letter(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        value = stage.service.private_dns_record_value or ""
        stage.server.texts[stage.place] = [value.swapcase(), f"{value} ", value[:-1], "vpce:"]
        assert await stage.turn() == "pendingVerification"
        stage.server.texts[stage.place].append((value[:5], value[5:]))
        assert await stage.turn(EVERY) == "verified"

    play(scenario)


def test_a_record_of_our_own_proves_the_name_and_nobody_is_asked(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        stage.put("example.com", stage.service.private_dns_record_value)
        assert await stage.turn() == "verified"
        assert stage.server.asked == []

    play(scenario)


def test_a_record_of_our_own_counts_at_once_though_a_look_was_just_made(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        assert await stage.turn() == "pendingVerification"
        stage.put(stage.place, stage.service.private_dns_record_value)
        assert await stage.turn(1) == "verified"

    play(scenario)


@pytest.mark.parametrize("wrong", ["name", "value", "kind"])
def test_a_record_of_our_own_that_is_another_proves_nothing(play: Play, wrong: str) -> None:
    async def scenario(stage: Stage) -> None:
        value = stage.service.private_dns_record_value or ""
        stage.put(
            "other.example.com" if wrong == "name" else stage.place,
            value.lower() + "x" if wrong == "value" else value,
            "SPF" if wrong == "kind" else "TXT",
        )
        assert await stage.turn() == "pendingVerification"

    play(scenario)


def test_without_a_server_only_our_own_records_prove_and_trust_proves_everything(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        stage.publish()
        await stage.another(texts=None).turn()
        assert stage.state == "pendingVerification"
        await stage.another(texts=None, trust=True).turn()
        assert stage.state == "verified"
        assert stage.server.asked == []

    play(scenario)


# --- when it looks ------------------------------------------------------------------------------------------------


def test_a_name_that_waits_is_looked_at_again_when_the_interval_is_over(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        assert await stage.turn() == "pendingVerification"
        stage.publish()
        assert await stage.turn(EVERY - 1) == "pendingVerification"
        assert await stage.turn(1) == "verified"

    play(scenario)


def test_starting_the_verification_has_it_looked_at_now(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        assert await stage.turn() == "pendingVerification"
        stage.publish()
        assert await stage.turn(1) == "pendingVerification"
        stage.start()
        assert await stage.turn(1) == "verified"

    play(scenario)


def test_a_name_without_proof_fails_after_the_period_and_only_a_start_brings_it_back(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        assert await stage.turn(PERIOD.total_seconds() - 60) == "pendingVerification"
        assert await stage.turn(61) == "failed"
        stage.publish()
        assert await stage.turn(EVERY * 100) == "failed"
        stage.start()
        assert stage.state == "pendingVerification"
        assert await stage.turn() == "verified"

    play(scenario)


def test_a_verified_name_whose_record_is_gone_waits_again(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        stage.publish()
        assert await stage.turn() == "verified"
        stage.server.texts.clear()
        assert await stage.turn(EVERY) == "verified"
        assert await stage.turn(EVERY * module.RARER) == "pendingVerification"
        stage.publish()
        assert await stage.turn(EVERY) == "verified"

    play(scenario)


@pytest.mark.parametrize("trouble", ["fails", "is silent"])
def test_a_verified_name_stays_verified_while_the_server_is_in_trouble(play: Play, trouble: str) -> None:
    async def scenario(stage: Stage) -> None:
        stage.publish()
        assert await stage.turn() == "verified"
        if trouble == "fails":
            stage.server.rcodes[stage.place] = dns.rcode.SERVFAIL
        else:
            stage.server.silent.add(stage.place)
        stage.server.texts.clear()
        asked = len(stage.server.asked)
        assert await stage.turn(EVERY * module.RARER) == "verified"
        assert len(stage.server.asked) > asked

    play(scenario)


def test_a_silent_server_at_one_place_does_not_hide_the_record_at_another(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        stage.server.silent.add(stage.place)
        stage.publish("example.com")
        assert await stage.turn() == "verified"

    play(scenario)


def test_a_clock_that_was_put_back_stops_nothing(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        assert await stage.turn() == "pendingVerification"
        stage.publish()
        assert await stage.turn(-86_400) == "verified"

    play(scenario)


def test_looks_without_result_write_nothing(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        before = stage.service.version
        for _ in range(3):
            assert await stage.turn(EVERY) == "pendingVerification"
        assert stage.service.version == before

    play(scenario)


# --- who changed it meanwhile -------------------------------------------------------------------------------------


async def late(stage: Stage, meanwhile: Callable[[], None]) -> None:
    """A look whose answer, the proof, comes only after something happened."""
    stage.publish()
    gate = stage.server.gates[stage.place] = asyncio.Event()
    patient = stage.another(texts=TxtResolver(("127.0.0.1", stage.server.port), seconds=20).texts)
    asked = stage.place
    turn = asyncio.create_task(patient.turn())
    await until(lambda: asked in stage.server.asked)
    await asyncio.to_thread(meanwhile)
    gate.set()
    await turn


def test_a_slow_verifier_does_not_verify_the_name_that_came_meanwhile(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        await late(stage, lambda: stage.rename("bank.example.net"))
        assert (stage.service.private_dns_name, stage.state) == ("bank.example.net", "pendingVerification")

    play(scenario)


def test_a_slow_verifier_does_not_bring_a_deleted_service_back(play: Play) -> None:
    def delete(stage: Stage) -> None:
        stage.site.ask(delete_vpc_endpoint_service_configurations, account=PROVIDER, ServiceIds=[stage.service_id])

    async def scenario(stage: Stage) -> None:
        await late(stage, lambda: delete(stage))
        with stage.site.world.store.read() as tables:
            assert tables.services.where() == []

    play(scenario)


def test_a_verdict_that_came_too_late_is_followed_by_another_look(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        def tag() -> None:
            with stage.site.world.store.write() as tables:
                tables.services.update(stage.service, replace(stage.service, tags={"changed": "meanwhile"}))

        stage.publish()
        gate = stage.server.gates[stage.place] = asyncio.Event()
        stage.verifier = stage.another(texts=TxtResolver(("127.0.0.1", stage.server.port), seconds=20).texts)
        turn = asyncio.create_task(stage.verifier.turn())
        await until(lambda: stage.place in stage.server.asked)
        await asyncio.to_thread(tag)
        gate.set()
        await turn
        assert (stage.state, stage.service.tags) == ("pendingVerification", {"changed": "meanwhile"})
        assert await stage.turn(1) == "verified"
        assert stage.service.tags == {"changed": "meanwhile"}

    play(scenario)


def test_two_verifiers_at_once_lead_to_one_verdict(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        stage.publish()
        before = stage.service.version
        await asyncio.gather(stage.verifier.turn(), stage.another().turn())
        assert (stage.state, stage.service.version) == ("verified", before + 1)

    play(scenario)


# --- for ever -----------------------------------------------------------------------------------------------------


class FailsAtFirst:
    """A store that fails at its first use, as one does whose server is started again."""

    def __init__(self, store: Store) -> None:
        self._store, self.failed = store, False
        self.write = store.write

    def read(self) -> Any:
        if self.failed:
            return self._store.read()
        self.failed = True
        raise OSError("the database is away")


def test_it_goes_on_after_a_database_that_failed_until_it_is_ended(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)

    async def scenario(stage: Stage) -> None:
        stage.publish()
        store: Any = FailsAtFirst(stage.site.world.store)
        texts = TxtResolver(("127.0.0.1", stage.server.port)).texts
        verifier = Verifier(store, texts=texts, trust=False, every=EVERY, clock=lambda: stage.now)
        running = asyncio.create_task(verifier.run())
        await until(lambda: stage.state == "verified")
        assert store.failed
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    play(scenario)


def test_one_service_with_a_silent_server_does_not_hold_up_another(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        other = stage.site.service(stage.site.balancer("other"), PrivateDnsName="other.example.org")
        record = other["PrivateDnsNameConfiguration"]
        stage.server.texts[f"{record['Name']}.other.example.org"] = [record["Value"]]
        gate = stage.server.gates[stage.place] = asyncio.Event()
        patient = stage.another(texts=TxtResolver(("127.0.0.1", stage.server.port), seconds=20).texts)
        turn = asyncio.create_task(patient.turn())
        await until(lambda: stage.site.name_state(other) == "verified")
        assert not turn.done()
        gate.set()
        await turn

    play(scenario)
