"""``sidedoor plan``: what the agent would do now, read back from this host, without doing it."""

from __future__ import annotations

import asyncio

from sidedoor import codec
from sidedoor.app.drivers import driver
from sidedoor.app.placement import Placement
from sidedoor.dataplane import desired
from sidedoor.dataplane.attachment_files import AttachmentFiles
from sidedoor.dataplane.cache import glance
from sidedoor.dataplane.driver import Driver
from sidedoor.dataplane.envoy.admin import Admin, AdminError
from sidedoor.dataplane.envoy.resources import CLUSTER, LISTENER
from sidedoor.dataplane.feed import Batch, Feed
from sidedoor.dataplane.netns import holder
from sidedoor.dataplane.plan import plan
from sidedoor.dataplane.wanted import RECORDS, Wanted
from sidedoor.settings import Settings, SettingsError

PATIENCE_SECONDS = 5.0


def steps(settings: Settings) -> list[str]:
    """The steps, one a line. Raises ``SettingsError`` where nothing was ever placed here."""
    placement = Placement.read(settings)
    if placement is None:
        raise SettingsError(f"No agent runs on {settings.state}: start `sidedoor up --state {settings.state}`.")
    wanted = _wanted(settings)
    found = holder.find_holder(settings.run) if placement.user_namespace else None
    if found is not None:
        holder.enter(found)
    if not placement.why_nothing_can_be_attached:
        wanted.attached = frozenset(AttachmentFiles(settings.state, settings.run).load())
    host = driver(settings, placement)
    networks = _network_steps(wanted, host)
    return networks + asyncio.run(_envoy_steps(settings, wanted))


def _wanted(settings: Settings) -> Wanted:
    """What the control plane says now, or where it does not answer what the agent was last told."""
    told = asked(settings)
    if told is not None:
        return told
    wanted = Wanted()
    for kind, record in glance(settings.state / "agent.db"):
        wanted.put(kind, record)
    return wanted


def asked(settings: Settings) -> Wanted | None:
    """What the control plane says now, or None where it does not answer."""
    try:
        batch = asyncio.run(asyncio.wait_for(_snapshot(settings), PATIENCE_SECONDS))
    except TimeoutError:
        return None
    wanted = Wanted()
    for kind, _, document in batch.changes:
        if document is not None and kind in RECORDS:
            wanted.put(kind, codec.from_document(document, RECORDS[kind]))
    return wanted


async def _snapshot(settings: Settings) -> Batch:
    feed, arrived = Feed(settings.control_socket), asyncio.get_running_loop().create_future()

    async def take(batch: Batch) -> None:
        if not arrived.done():
            arrived.set_result(batch)

    following = asyncio.create_task(feed.follow(None, take))
    try:
        batch: Batch = await arrived
        return batch
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await feed.close()


def _network_steps(wanted: Wanted, host: Driver) -> list[str]:
    vpcs = sorted(set(wanted.vpcs) | host.networks())
    return [str(step) for vpc_id in vpcs for step in plan(desired.network(wanted, vpc_id), host.observe(vpc_id))]


async def _envoy_steps(settings: Settings, wanted: Wanted) -> list[str]:
    listeners = {door.name for endpoint_id in wanted.endpoints for door in desired.doors(wanted, endpoint_id)}
    clusters = {one.name for balancer_id in wanted.load_balancers for one in desired.clusters(wanted, balancer_id)}
    try:
        async with Admin(settings.run / "admin.sock") as admin:
            versions = await admin.versions()
    except AdminError as error:
        return [f"+ envoy ({error})"]
    steps: list[str] = []
    for what, names, type_url in (("cluster", clusters, CLUSTER), ("listener", listeners, LISTENER)):
        there = set(versions.get(type_url, ()))
        steps += [f"+ {what} {name}" for name in sorted(names - there)]
        steps += [f"- {what} {name}" for name in sorted(there - names)]
    return steps
