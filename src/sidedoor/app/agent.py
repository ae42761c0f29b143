"""The agent of this host: its placement, Envoy and the link to the control plane."""

from __future__ import annotations

import asyncio
import logging

from sidedoor import open_files
from sidedoor.app.placement import Placement
from sidedoor.app.signals import stopping
from sidedoor.dataplane import host
from sidedoor.dataplane.agent import Agent
from sidedoor.dataplane.cache import Cache
from sidedoor.dataplane.driver import Driver, DriverError
from sidedoor.dataplane.envoy.ads import AdsServer
from sidedoor.dataplane.envoy.bootstrap import connections
from sidedoor.dataplane.envoy.process import EnvoyError, EnvoyProcess
from sidedoor.dataplane.feed import Feed
from sidedoor.dataplane.netns import holder
from sidedoor.dataplane.reports import Reports
from sidedoor.settings import Settings, SettingsError

log = logging.getLogger(__name__)


def enter_placement(settings: Settings) -> Placement:
    """Chooses the placement and, where it needs a user namespace, moves this process into it.

    To be called before the process has threads (user_namespaces(7)). What an earlier agent left is found again only in the
    same placement. Raises ``SettingsError``.
    """
    settings.prepare()
    try:
        choice = host.choose(settings.network)
    except host.PlacementImpossible as error:
        raise SettingsError(str(error)) from None
    log.info("placement %s: %s", choice.mode, choice.reason, extra={"action": "agent.placement", "mode": choice.mode})
    placement, earlier = Placement(mode=choice.mode, user_namespace=choice.user_namespace), Placement.read(settings)
    if earlier is not None and earlier != placement:
        raise SettingsError(
            f"What stands of {settings.state} has the placement {earlier}, not {placement}: "
            f"end it with `sidedoor up --network {earlier.mode}` first, or choose another --state directory."
        )
    placement.write(settings)
    if placement.user_namespace:
        try:
            holder.enter(holder.ensure_holder(settings.run))
        except holder.HolderError as error:
            raise SettingsError(f"{error}: choose --network loopback, or run as root.") from None
    return placement


def driver(settings: Settings, placement: Placement) -> Driver:
    if placement.mode == "netns":
        from sidedoor.dataplane.netns.driver import NetnsDriver

        return NetnsDriver(settings.run, settings.connections_per_target)
    from sidedoor.dataplane.loopback.driver import LoopbackDriver

    return LoopbackDriver(settings.state)


async def run(settings: Settings, placement: Placement) -> None:
    """Runs the agent until SIGTERM or SIGINT, then takes the data plane down unless it is to be kept.

    Raises ``SettingsError``.
    """
    try:
        async with stopping() as stopped:
            await _run(settings, placement, stopped)
    except DriverError as error:
        raise SettingsError(f"{error}: `sidedoor doctor` says what this host can do.") from error
    except ExceptionGroup as group:
        failures = group.subgroup(EnvoyError)
        if failures is None:
            raise
        raise SettingsError(str(failures.exceptions[0])) from group


async def _run(settings: Settings, placement: Placement, stopped: asyncio.Event) -> None:
    _allow_files(settings.connections_per_target)
    chosen = driver(settings, placement)
    await asyncio.to_thread(chosen.start)
    feed = Feed(settings.control_socket)
    reports = Reports(feed.report)
    cache = Cache(settings.state / "agent.db")
    ads = AdsServer(settings.run / "xds.sock", on_change=lambda owner: agent.envoy_changed(owner))
    envoy = EnvoyProcess(settings.run, settings.logs)
    agent = Agent(
        chosen, ads, cache, reports, pending_seconds=settings.pending_seconds,
        connections_per_target=settings.connections_per_target,
    )  # fmt: skip
    revision = agent.load()
    await ads.start()
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(envoy.run(), name="envoy"),
            tasks.create_task(agent.run(), name="agent"),
            tasks.create_task(reports.run(), name="reports"),
            tasks.create_task(feed.follow(revision, agent.handle), name="feed"),
        ]
        await stopped.wait()
        for task in running:
            task.cancel()
    await agent.close()
    await feed.close()
    await ads.stop()
    if not settings.keep_dataplane:
        await _take_down(settings, placement, chosen, envoy)
    cache.close()
    log.info("the agent has ended", extra={"action": "agent.ended", "kept": settings.keep_dataplane})


def _allow_files(connections_per_target: int) -> None:
    """Envoy gets as many open files as this process has."""
    files = open_files.raise_limit()
    if connections(files) < connections_per_target:
        why = host.why_few_files(files, connections_per_target)
        log.warning("not all connections fit: %s", why, extra={"action": "agent.open_files"})


async def take_down(settings: Settings, placement: Placement) -> None:
    """Takes down what an agent left that did not come to its end."""
    await _take_down(settings, placement, driver(settings, placement), EnvoyProcess(settings.run, settings.logs))


async def _take_down(settings: Settings, placement: Placement, chosen: Driver, envoy: EnvoyProcess) -> None:
    await envoy.stop()
    await asyncio.to_thread(chosen.remove_everything)
    if placement.user_namespace:
        holder.stop_holder(settings.run)
    # An agent that was killed left its socket; the placement goes last, for it says that there is something to take down.
    for path in (settings.run / "xds.sock", settings.placement_file):
        path.unlink(missing_ok=True)
