"""The agent of this host: its placement, Envoy and the link to the control plane."""

from __future__ import annotations

import asyncio
import logging

from sidedoor import open_files
from sidedoor.app.drivers import driver
from sidedoor.app.loops import forgive_late_reads
from sidedoor.app.placement import Placement
from sidedoor.app.signals import stopping
from sidedoor.dataplane import host
from sidedoor.dataplane.agent import Agent
from sidedoor.dataplane.attaching import Attaching, Joins
from sidedoor.dataplane.attachment_files import AttachmentFiles
from sidedoor.dataplane.bookkeeper import Bookkeeper, Sources
from sidedoor.dataplane.books import Books
from sidedoor.dataplane.cache import Cache
from sidedoor.dataplane.driver import Driver, DriverError
from sidedoor.dataplane.envoy.admin import Admin
from sidedoor.dataplane.envoy.ads import AdsServer
from sidedoor.dataplane.envoy.bootstrap import connections
from sidedoor.dataplane.envoy.process import EnvoyError, EnvoyProcess
from sidedoor.dataplane.feed import Feed
from sidedoor.dataplane.netns import holder
from sidedoor.dataplane.reports import Reports
from sidedoor.names.outside import Outside, OutsideEnded
from sidedoor.settings import HOST, Settings, SettingsError, server_address

log = logging.getLogger(__name__)


def outside(settings: Settings) -> Outside | None:
    """What forwards questions about names that are none of ours, if anything does.

    To be called before ``enter_placement``: it stays in the network in which this process begins.
    """
    if not settings.forward_dns:
        return None
    started = Outside()
    named = settings.forward_dns != (HOST,)
    started.start([" ".join(map(str, server_address(one))) for one in settings.forward_dns] if named else [HOST])
    return started


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
    if placement != earlier:  # An agent that comes again writes nothing: the disk may be full.
        placement.write(settings)
    if placement.user_namespace:
        try:
            holder.enter(holder.ensure_holder(settings.run))
        except holder.HolderError as error:
            raise SettingsError(f"{error}: choose --network loopback, or run as root.") from None
    return placement


async def run(settings: Settings, placement: Placement, outside: Outside | None = None) -> None:
    """Runs the agent until SIGTERM or SIGINT, then takes the data plane down unless it is to be kept.

    Raises ``SettingsError``.
    """
    forgive_late_reads(asyncio.get_running_loop())
    try:
        async with stopping() as stopped:
            await _run(settings, placement, outside, stopped)
    except DriverError as error:
        raise SettingsError(f"{error}: `sidedoor doctor` says what this host can do.") from error
    except ExceptionGroup as group:
        failures = group.subgroup((EnvoyError, OutsideEnded))
        if failures is None:
            raise
        raise SettingsError(str(failures.exceptions[0])) from group


async def _run(settings: Settings, placement: Placement, outside: Outside | None, stopped: asyncio.Event) -> None:
    _allow_files(settings.connections_per_target)
    chosen = driver(settings, placement)
    await asyncio.to_thread(chosen.start)
    feed = Feed(settings.control_socket)
    reports = Reports(feed.report)
    cache = Cache(settings.state / "agent.db")
    ads = AdsServer(settings.run / "xds.sock", on_change=lambda owner: agent.envoy_changed(owner))
    envoy = EnvoyProcess(settings.run, settings.logs)
    admin = Admin(envoy.admin_path)
    sources = Sources(ask=admin.tallies, life=lambda: envoy.life, survey=lambda: agent.survey())
    bookkeeper = Bookkeeper(Books(settings.state / "counts"), sources, feed.report, beat=settings.beat_seconds)
    agent = Agent(
        chosen, ads, cache, reports, pending_seconds=settings.pending_seconds,
        connections_per_target=settings.connections_per_target, before_closing=bookkeeper.catch_up,
        carrier=lambda: envoy.pid,
        forward=outside.ask if outside is not None else None,
    )  # fmt: skip
    attaching = Attaching(_attachments(settings), *_joins(chosen, placement), agent.ground)
    attaching.load()
    revision = agent.load()
    await ads.start()
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(envoy.run(), name="envoy"),
            tasks.create_task(agent.run(), name="agent"),
            tasks.create_task(attaching.run(), name="attaching"),
            tasks.create_task(reports.run(), name="reports"),
            tasks.create_task(feed.follow(revision, agent.handle), name="feed"),
            *([tasks.create_task(outside.run(), name="outside")] if outside is not None else ()),
            tasks.create_task(bookkeeper.run(), name="bookkeeper"),
        ]
        await stopped.wait()
        for task in running:
            task.cancel()
    await bookkeeper.end()
    await admin.close()
    await agent.close()
    if outside is not None:
        await outside.close()
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


def _attachments(settings: Settings) -> AttachmentFiles:
    return AttachmentFiles(settings.state, settings.run)


def _joins(chosen: Driver, placement: Placement) -> tuple[Joins | None, str]:
    """What puts the host's things into subnets, or None and why nothing does."""
    refusal = placement.why_nothing_can_be_attached
    return (None if refusal else getattr(chosen, "joiner", None)), refusal


async def take_down(settings: Settings, placement: Placement) -> None:
    """Takes down what an agent left that did not come to its end."""
    await _take_down(settings, placement, driver(settings, placement), EnvoyProcess(settings.run, settings.logs))


async def _take_down(settings: Settings, placement: Placement, chosen: Driver, envoy: EnvoyProcess) -> None:
    await envoy.stop()
    await asyncio.to_thread(chosen.remove_everything)
    if placement.user_namespace:
        holder.stop_holder(settings.run)
    # An agent that was killed left its socket; the placement goes last, for it says that there is something to take down.
    _attachments(settings).forget_seen()
    for path in (settings.run / "xds.sock", settings.placement_file):
        path.unlink(missing_ok=True)
