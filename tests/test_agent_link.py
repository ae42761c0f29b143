"""The link between control plane and agent, over its Unix socket: the feed of wanted records, and the reports of what is."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from privatelink_site import PROVIDER, Site
from sidedoor import agents
from sidedoor.agents import Agents
from sidedoor.app.control_plane import ControlPlane
from sidedoor.dataplane.feed import Batch, Feed
from sidedoor.dataplane.health import TargetReport
from sidedoor.dataplane.reports import Reports
from sidedoor.endpoints.model import State
from sidedoor.loadbalancers.model import HealthReason, HealthState, LoadBalancerState
from sidedoor.loadbalancers.target_groups import create_target_group
from sidedoor.loadbalancers.targets import register_targets
from sidedoor.networks.vpcs import create_vpc, delete_vpc
from sidedoor.store.engine import Store
from sidedoor.store.tables import Journal

PATIENCE = 10.0


class _Server(uvicorn.Server):
    """Leaves signals to pytest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Link:
    """A control plane's end that serves, and an agent's end that follows it."""

    def __init__(self, store: Store, path: Path) -> None:
        self.store = store
        self.agents = Agents(store)
        self.feed = Feed(path)
        self.batches: list[Batch] = []
        self.path = path

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        server = _Server(uvicorn.Config(self.agents.application(), uds=str(self.path), log_config=None, lifespan="off"))
        serving = asyncio.create_task(server.serve())
        try:
            await until(lambda: server.started)
            yield
        finally:
            self.agents.close()
            server.should_exit = True
            await serving
            await self.feed.close()

    @contextlib.asynccontextmanager
    async def followed(self, after: int | None = None) -> AsyncIterator[None]:
        """Reads the feed from here on; the first batch is there when the block begins."""

        async def take(batch: Batch) -> None:
            self.batches.append(batch)

        self.batches.clear()
        following = asyncio.create_task(self.feed.follow(after, take))
        try:
            await until(lambda: self.batches)
            yield
        finally:
            following.cancel()
            await asyncio.wait([following])

    async def news(self, count: int) -> Batch:
        """The batch with this number, counted from 1 after the first."""
        await until(lambda: len(self.batches) > count)
        return self.batches[count]

    def revision(self) -> int:
        with self.store.read() as tables:
            return tables.revision()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.002)


Act = Callable[[Link], Awaitable[None]]


def play(site: Site, act: Act) -> None:
    async def run() -> None:
        # A Unix socket's path is short, and pytest's own directories are not.
        with tempfile.TemporaryDirectory(prefix="sidedoor-link-") as directory:
            link = Link(site.world.store, Path(directory) / "c.sock")
            async with link.served():
                await act(link)

    asyncio.run(run())


@pytest.fixture
def site(world: Any) -> Site:
    return Site(world)


@pytest.fixture
def no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever arrives does so because a commit woke the feed."""
    monkeypatch.setattr(agents, "POLL_SECONDS", 3600.0)


def named(batch: Batch) -> set[tuple[str, str]]:
    return {(kind, record_id) for kind, record_id, _ in batch.changes}


# --- the feed -----------------------------------------------------------------------------------------------------


def test_a_reader_that_names_no_revision_gets_everything_as_one_complete_batch(site: Site) -> None:
    endpoint = site.endpoint(site.open_service())

    async def act(link: Link) -> None:
        async with link.followed():
            (batch,) = link.batches
            assert (batch.complete, batch.revision) == (True, link.revision())
            kinds = {kind for kind, _ in named(batch)}
            assert {"vpcs", "subnets", "interfaces", "load_balancers", "services", "endpoints"} <= kinds
            assert ("endpoints", endpoint["VpcEndpointId"]) in named(batch)
            assert not {"access_keys", "accounts", "events", "settings"} & kinds

    play(site, act)


def test_a_commit_arrives_without_waiting_for_the_poll(site: Site, no_poll: None) -> None:
    async def act(link: Link) -> None:
        async with link.followed():
            vpc = site.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
            batch = await link.news(1)
            assert (batch.complete, batch.revision) == (False, link.revision())
            documents = {record_id: document for _, record_id, document in batch.changes}
            assert documents[vpc]["cidr"] == "10.0.0.0/16"

    play(site, act)


def test_a_commit_of_another_process_arrives_with_the_poll(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "POLL_SECONDS", 0.01)
    vpc = site.vpc()

    async def act(link: Link) -> None:
        async with link.followed():
            other = Store(str(site.world.store.engine.url))
            with other.write() as tables:
                tables.clear()
            other.close()
            assert ("vpcs", vpc, None) in (await link.news(1)).changes

    play(site, act)


def test_what_is_gone_arrives_as_a_tombstone(site: Site, no_poll: None) -> None:
    vpc = site.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]

    async def act(link: Link) -> None:
        async with link.followed():
            site.ask(delete_vpc, VpcId=vpc)
            assert ("vpcs", vpc, None) in (await link.news(1)).changes

    play(site, act)


def test_a_record_that_changed_twice_is_told_once_as_it_is_now(site: Site) -> None:
    service = site.open_service(AcceptanceRequired=True)
    endpoint = site.endpoint(service)

    async def act(link: Link) -> None:
        before = link.revision()
        site.accept(service, endpoint)
        site.reject(service, endpoint)
        async with link.followed(before):
            ((kind, record_id, document),) = link.batches[0].changes
            assert (kind, record_id) == ("endpoints", endpoint["VpcEndpointId"])
            assert document is not None
            assert document["state"] == "rejected"

    play(site, act)


def test_a_reader_that_resumes_is_first_told_all_that_it_missed_and_nothing_else(site: Site) -> None:
    """Its first batch leads to the present: after it the agent may remove what it does not know."""
    site.endpoint(site.open_service())

    async def act(link: Link) -> None:
        before = link.revision()
        vpcs = [site.ask(create_vpc, CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"] for _ in range(2)]
        async with link.followed(before):
            (batch,) = link.batches
            assert (batch.complete, batch.revision) == (False, link.revision())
            assert {record_id for kind, record_id in named(batch) if kind == "vpcs"} == set(vpcs)
            assert "endpoints" not in {kind for kind, _ in named(batch)}

    play(site, act)


def test_a_reader_that_missed_nothing_gets_an_empty_batch_by_which_a_new_control_plane_learns_of_it(site: Site) -> None:
    site.vpc()

    async def act(link: Link) -> None:
        async with link.followed(link.revision()):
            assert link.batches == [Batch(link.revision(), False, ())]
            assert link.agents.applied is None
            await link.feed.report({"revision": link.batches[0].revision})
            assert link.agents.applied == link.revision()

    play(site, act)


@pytest.mark.parametrize("after", ["too old", "future"])
def test_a_revision_that_cannot_be_resumed_gets_everything(site: Site, monkeypatch: pytest.MonkeyPatch, after: str) -> None:
    monkeypatch.setattr(Journal, "KEEP", 2)
    monkeypatch.setattr(Journal, "TRIM_EVERY", 1)
    endpoint = site.endpoint(site.open_service())

    async def act(link: Link) -> None:
        async with link.followed(1 if after == "too old" else link.revision() + 1):
            (batch,) = link.batches
            assert batch.complete
            assert ("endpoints", endpoint["VpcEndpointId"]) in named(batch)

    play(site, act)


def test_a_reader_that_is_so_slow_that_changes_are_forgotten_gets_everything(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Journal, "KEEP", 2)
    monkeypatch.setattr(Journal, "TRIM_EVERY", 1)

    async def act(link: Link) -> None:
        async with link.followed():
            vpcs = [site.ask(create_vpc, CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"] for _ in range(4)]
            batch = await link.news(1)
            assert batch.complete
            assert {record_id for kind, record_id in named(batch) if kind == "vpcs"} == set(vpcs)

    play(site, act)


def test_a_silent_feed_says_that_it_lives(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(agents, "PING_SECONDS", 0.02)

    async def act(link: Link) -> None:
        transport = httpx.AsyncHTTPTransport(uds=str(link.path))
        async with (
            httpx.AsyncClient(transport=transport, timeout=PATIENCE) as client,
            client.stream("GET", "http://control/v1/feed") as response,
        ):
            async for line in response.aiter_lines():
                if "ping" in line:
                    break

    play(site, act)


# --- reports ------------------------------------------------------------------------------------------------------


def report_of(endpoint: dict[str, Any], status: str, generation: int, message: str = "") -> dict[str, Any]:
    return {"endpoints": [
        {"id": endpoint["VpcEndpointId"], "generation": generation, "status": status, "message": message}
    ]}  # fmt: skip


def test_ready_makes_the_generation_available_that_it_speaks_of_and_no_other(site: Site) -> None:
    endpoint = site.endpoint(site.open_service())
    generation = site.record(endpoint).generation

    async def act(link: Link) -> None:
        for other in (generation - 1, generation + 1):
            await link.feed.report(report_of(endpoint, "ready", other))
            assert site.state(endpoint) is State.PENDING
        await link.feed.report(report_of(endpoint, "ready", generation))
        assert site.state(endpoint) is State.AVAILABLE

    play(site, act)


def test_ready_comes_too_late_for_an_endpoint_that_was_rejected(site: Site) -> None:
    service = site.open_service()
    endpoint = site.endpoint(service)
    generation = site.record(endpoint).generation

    async def act(link: Link) -> None:
        site.reject(service, endpoint)
        await link.feed.report(report_of(endpoint, "ready", generation))
        await link.feed.report(report_of(endpoint, "removed", site.record(endpoint).generation))
        await link.feed.report(report_of(endpoint, "what is this", site.record(endpoint).generation))
        assert site.state(endpoint) is State.REJECTED

    play(site, act)


def test_failed_makes_the_endpoint_fail_with_envoys_words_as_its_last_error(site: Site) -> None:
    endpoint = site.endpoint(site.open_service())

    async def act(link: Link) -> None:
        words = "cannot bind '10.0.0.5:443': Address already in use"
        await link.feed.report(report_of(endpoint, "failed", site.record(endpoint).generation, words))
        described = site.described(endpoint)
        assert described["State"] == "failed"
        assert described["LastError"] == {"Code": "ProvisioningFailed", "Message": words}

    play(site, act)


def test_removed_takes_the_endpoints_rows_away(site: Site, no_poll: None) -> None:
    endpoint = site.available_endpoint(site.open_service())
    interfaces = site.interfaces(endpoint)

    async def act(link: Link) -> None:
        site.delete(endpoint)
        generation = site.record(endpoint).generation
        async with link.followed(link.revision()):
            await link.feed.report(report_of(endpoint, "removed", generation))
            gone = {("endpoints", endpoint["VpcEndpointId"]), *(("interfaces", one.id) for one in interfaces)}
            assert set((await link.news(1)).changes) == {(kind, record_id, None) for kind, record_id in gone}
        with link.store.read() as tables:
            assert tables.endpoints.find(endpoint["VpcEndpointId"]) is None
            assert tables.interfaces.where(holder=endpoint["VpcEndpointId"]) == []

    play(site, act)


def test_a_load_balancer_becomes_active_when_the_agent_has_it(site: Site) -> None:
    balancer = site.balancer()

    async def act(link: Link) -> None:
        await link.feed.report({"load_balancers": [balancer, f"{balancer}-that-is-gone"]})
        with link.store.read() as tables:
            found = tables.load_balancers.find(balancer)
        assert found is not None
        assert found.state is LoadBalancerState.ACTIVE

    play(site, act)


def test_the_health_of_a_target_is_kept_as_reported_last(site: Site) -> None:
    made = site.ask(create_target_group, Name="web", Protocol="TCP", Port=80, VpcId=site.vpc(PROVIDER), TargetType="ip")
    group = made["TargetGroups"][0]["TargetGroupArn"]
    site.ask(register_targets, TargetGroupArn=group, Targets=[{"Id": "10.0.0.20", "AvailabilityZone": "all"}])
    with site.world.store.read() as tables:
        (target,) = tables.targets.where(target_group_id=group)

    async def act(link: Link) -> None:
        reports = Reports(link.feed.report)
        sending = asyncio.create_task(reports.run())

        def kept() -> list[TargetReport]:
            with link.store.read() as tables:
                return [
                    TargetReport(
                        target_id=one.id, target_group_id=one.target_group_id, state=one.state, reason=one.reason,
                        codes=one.codes,
                    )
                    for one in tables.target_health.where()
                ]  # fmt: skip

        found = TargetReport(target_id=target.id, target_group_id=group, state=HealthState.HEALTHY, reason=None)
        for told in (
            replace(found, state=HealthState.INITIAL, reason=HealthReason.INITIAL_CHECKS),
            found,
            replace(found, state=HealthState.UNHEALTHY, reason=HealthReason.MISMATCH, codes=(500, 503)),
            replace(found, state=HealthState.UNHEALTHY, reason=HealthReason.TIMEOUT),
        ):
            reports.target(told)
            reports.target(replace(told, target_id="one that was deregistered"))
            await until(lambda told=told: kept() == [told])
        anew = replace(found, state=HealthState.INITIAL, reason=HealthReason.INITIAL_CHECKS)
        await link.feed.report({"targets": [asdict(anew) | {"id": target.id}]})
        assert kept() == [told], "an agent that looks anew has found nothing yet"
        sending.cancel()
        await asyncio.wait([sending])

    play(site, act)


def test_reports_of_what_nobody_knows_are_ignored(site: Site) -> None:
    site.vpc()

    async def act(link: Link) -> None:
        before = link.revision()
        unknown = report_of({"VpcEndpointId": "vpce-00000000000000000"}, "ready", 1)
        target = {"id": "gone", "target_group_id": "gone", "state": "healthy", "reason": None}
        await link.feed.report(unknown | {"load_balancers": ["gone"], "targets": [target], "revision": before})
        assert link.revision() == before
        assert link.agents.applied == before

    play(site, act)


def test_the_control_plane_is_healthy_when_the_agent_has_applied_its_first_snapshot(site: Site) -> None:
    control = ControlPlane(site.world.store, dev=False)

    async def run() -> None:
        api = httpx.ASGITransport(control.application())
        link = httpx.ASGITransport(control.agents.application())
        async with (
            httpx.AsyncClient(transport=api, base_url="http://api") as client,
            httpx.AsyncClient(transport=link, base_url="http://control") as agent,
        ):
            before = await client.get("/healthz")
            assert (before.status_code, before.json()["applied"]) == (503, None)
            assert (await agent.post("/v1/report", json={"revision": None})).status_code == 200
            assert (await client.get("/healthz")).status_code == 503
            assert (await agent.post("/v1/report", json={"revision": 7})).status_code == 200
            after = await client.get("/healthz")
            assert (after.status_code, after.json()) == (200, {"status": "ok", "applied": 7})

    asyncio.run(run())
