"""The command line: up · serve · agent · exec · attach · detach · attachments · plan · doctor · accounts · certificates ·
dns · mail · events.

Rule 1: a command's error is one sentence that says what to do, and exit status 2.
Rule 2: a command imports what it needs when it runs, so that ``sidedoor exec`` does not wait for what only ``serve`` needs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from sidedoor import __version__, logs
from sidedoor.settings import CONNECTIONS_PER_TARGET, OWN, Settings, SettingsError, default_state, listen_address

F = TypeVar("F", bound=Callable[..., Any])

CONTEXT = {"auto_envvar_prefix": "SIDEDOOR", "help_option_names": ["-h", "--help"], "max_content_width": 120}


def _state_option(command: F) -> F:
    return click.option(
        "--state", type=click.Path(path_type=Path, file_okay=False), default=default_state,
        show_default="$XDG_STATE_HOME/sidedoor",
        help="Directory of the database, the logs and the running system.",
    )(command)  # fmt: skip


def _serve_options(command: F) -> F:
    for option in (
        click.option("--listen", default="127.0.0.1:4680", show_default=True, help="Address of the API, host:port."),
        click.option("--database", default=None,
                     help="URL of the database, for example postgresql://user@host/name; default: SQLite in --state."),
        click.option("--dev", is_flag=True,
                     help="Accept any secret; a 12-digit access key id is that account. For tests only."),
        click.option("--metrics", default=None, metavar="HOST:PORT",
                     help="Serve /metrics for Prometheus here, to all who can connect: it names every account's resources."),
        click.option("--verify-dns", default=OWN, show_default=True, metavar="own|host|trust|ADDRESS[:PORT]",
                     help="What proves a private DNS name: only the records of `sidedoor dns`; or also the host's DNS servers, "
                     "or the one at ADDRESS; or nothing has to (trust)."),
        click.option("--verify-dns-seconds", type=click.FloatRange(1, 3600), default=60.0, show_default=True,
                     help="How often a private DNS name that waits for its proof is looked at."),
        *_delivery_options(),
    ):  # fmt: skip
        command = option(command)
    return command


def _delivery_options() -> tuple[Callable[[F], F], ...]:
    return (
        click.option("--keep-events-days", type=click.IntRange(1, 3650), default=90, show_default=True,
                     help="How long the log of events (LookupEvents, `sidedoor events`) goes back."),
        click.option("--public-url", default=None,
                     help="Where subscribers of SNS topics reach the API, for links that they are sent; default: --listen."),
        click.option("--smtp", default=None, metavar="URL",
                     help="Server that takes mail to subscribers: smtp://host:25, smtps://user:password@host. Without it mail "
                     "lands in `mail` under --state, and `sidedoor mail` shows it."),
        click.option("--mail-from", default="no-reply@sidedoor.invalid", show_default=True,
                     help="Address that mail to subscribers comes from."),
        click.option("--sqs", default=None, metavar="URL",
                     help="The SQS in which subscribers' queues are; its keys come from the environment, as boto3 has them."),
        click.option("--deliver-to", multiple=True, metavar="CIDR",
                     help="Let HTTP subscribers have these addresses, though they are loopback or link-local."),
    )  # fmt: skip


def _agent_options(command: F) -> F:
    for option in (
        click.option("--network", type=click.Choice(["auto", "netns", "loopback"]), default="auto", show_default=True,
                     help="Where the VPCs stand: network namespaces, or addresses 127.x.y.z."),
        click.option("--pending-seconds", type=click.FloatRange(0, 600), default=0.0, show_default=True,
                     help="Hold an accepted endpoint in `pending` at least so long, as AWS does: for clients that must wait."),
        click.option("--connections-per-target", type=click.IntRange(1, CONNECTIONS_PER_TARGET), show_default=True,
                     default=CONNECTIONS_PER_TARGET,
                     help="Connections that a load balancer's address may have open to one target: fewer, to see the limit."),
        click.option("--beat-seconds", type=click.FloatRange(0.5, 60), default=10.0, show_default=True,
                     help="How often to read what was counted; connections that are open are sampled as often."),
        click.option("--forward-dns", multiple=True, metavar="host|ADDRESS[:PORT]",
                     help="Who answers in the VPCs for names that are none of ours: the host's DNS servers, or the one at "
                     "ADDRESS; may be given several times. Without it such names are refused."),
        click.option("--keep-dataplane", is_flag=True, help="Leave namespaces and Envoy running at the end."),
    ):  # fmt: skip
        command = option(command)
    return command


_database_option = click.option("--database", default=None, help="URL of the database; default: SQLite in --state.")
_parent_option = click.option("--parent", type=int, default=None, hidden=True)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class _Group(click.Group):
    """Turns the errors that a person can mend into one sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            click.echo(f"sidedoor: {error}", err=True)
            ctx.exit(2)


@click.group(cls=_Group, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="sidedoor")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True)
@click.pass_context
def main(ctx: click.Context, log_level: str) -> None:
    """Sidedoor: a self-hosted AWS PrivateLink."""
    ctx.obj = log_level
    logs.set_up(log_level)


@main.command()
@_state_option
@_serve_options
@_agent_options
@click.pass_obj
def up(log_level: str, /, state: Path, listen: str, **options: Any) -> None:
    """Run the control plane and the agent of this host until Ctrl-C."""
    import asyncio

    from sidedoor.supervisor import Supervisor, locked

    host, port = listen_address(listen)
    settings = Settings(state=state.resolve(), host=host, port=port, log_level=log_level, **options)
    with locked(settings, "up"):
        asyncio.run(Supervisor(settings).run())


@main.command()
@_state_option
@_serve_options
@_parent_option
def serve(state: Path, listen: str, parent: int | None, **options: Any) -> None:
    """Run the control plane alone: the API and the agent's link."""
    from sidedoor.app import control_plane
    from sidedoor.supervisor import locked

    _follow(parent)
    host, port = listen_address(listen)
    settings = Settings(state=state.resolve(), host=host, port=port, **options)
    with locked(settings, "serve"):
        control_plane.run(settings)


@main.command()
@_state_option
@_agent_options
@_parent_option
@click.option("--take-down", is_flag=True, hidden=True, help="Only remove what an earlier agent left.")
def agent(state: Path, parent: int | None, take_down: bool, **options: Any) -> None:
    """Run the agent of this host alone."""
    import asyncio

    from sidedoor.app import agent as wiring
    from sidedoor.supervisor import locked

    _follow(parent)
    settings = Settings(state=state.resolve(), **options)
    with locked(settings, "agent"):
        outside = None if take_down else wiring.outside(settings)
        placement = wiring.enter_placement(settings)
        asyncio.run(wiring.take_down(settings, placement) if take_down else wiring.run(settings, placement, outside))


def _follow(parent: int | None) -> None:
    if parent is not None:
        from sidedoor.processes import end_with_parent

        end_with_parent(parent)


@main.command("exec", context_settings={"ignore_unknown_options": True})
@_state_option
@click.argument("place")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec_(state: Path, place: str, command: tuple[str, ...]) -> None:
    """Run COMMAND inside PLACE, a network interface or an instance: sidedoor exec eni-... -- curl http://...

    The command sees the interface's network and its VPC's resolver. SIDEDOOR_ADDRESS is the interface's address,
    SIDEDOOR_RESOLVER the resolver's host:port. In the loopback placement these two are all it gets: bind to the first,
    ask the second.
    """
    from sidedoor.app import workload

    workload.run(Settings(state=state.resolve()), place, list(command))


@main.command()
@_state_option
@click.argument("target")
@click.option(
    "--netns", metavar="PID|PATH|NAME|docker:NAME|podman:NAME", help="Put the interface TARGET into this network namespace."
)
@click.option("--veth", metavar="NAME", help="Make this veth or tap of the host the port of the interface TARGET.")
@click.option("--bridge", metavar="NAME", help="Make this bridge of the host a part of the subnet TARGET.")
@click.option("--name", default="eth0", show_default=True, help="What the interface is called inside the namespace.")
@click.option("--no-default-route", is_flag=True, help="Lead to the VPC alone, beside the namespace's own way out.")
@click.option("--no-resolver", is_flag=True, help="Leave a container's /etc/resolv.conf as it is.")
@click.option(
    "--wait",
    type=click.FloatRange(0, 600),
    default=10.0,
    show_default=True,
    help="So many seconds until the command says why it is not attached yet.",
)
def attach(
    state: Path,
    target: str,
    netns: str | None,
    veth: str | None,
    bridge: str | None,
    name: str,
    no_default_route: bool,
    no_resolver: bool,
    wait: float,
) -> None:
    """Put a container, a veth or tap, or a bridge of this host into a subnet.

    TARGET is an interface (eni-...) or an instance (i-...); with --bridge it is a subnet (subnet-...). It stays attached
    until `sidedoor detach`, over restarts of Sidedoor and of this host.
    """
    from sidedoor.app import attach as wiring
    from sidedoor.dataplane.attachments import Kind

    given = [(kind, place) for kind, place in ((Kind.NETNS, netns), (Kind.VETH, veth), (Kind.BRIDGE, bridge)) if place]
    if len(given) != 1:
        raise SettingsError("Give one of --netns, --veth and --bridge.")
    status, network = wiring.attach(
        Settings(state=state.resolve()),
        target,
        *given[0],
        name=name,
        default_route=not no_default_route,
        resolver=not no_resolver,
        wait=wait,
    )
    for what, value in network.lines():
        click.echo(f"{what:16} {value}")
    if status is None or status.reason:
        reason = status.reason if status else "No agent runs now; the next one does it."
        raise SettingsError(f"{target} is not attached yet, and is tried again until `sidedoor detach {target}`: {reason}")
    if status.hint:
        click.echo(f"sidedoor: {status.hint}", err=True)


@main.command()
@_state_option
@click.argument("target")
def detach(state: Path, target: str) -> None:
    """Undo `sidedoor attach`: TARGET is the same interface, instance or subnet."""
    from sidedoor.app import attach as wiring

    if not wiring.detach(Settings(state=state.resolve()), target):
        raise SettingsError(f"{target} is to be detached, but the agent has not done it yet: is it running?")


@main.command()
@_state_option
@_json_option
def attachments(state: Path, as_json: bool) -> None:
    """List what is attached, and what of it has to wait, and why."""
    from sidedoor.app import attach as wiring

    found = wiring.listed(Settings(state=state.resolve()))
    _print_all(
        found,
        as_json,
        lambda one: f"{one['Id']:26} {one['Kind']:7} {one['Place']:28} {one['State']:9} {one['Reason']}".rstrip(),
    )


@main.command()
@_state_option
@_json_option
def plan(state: Path, as_json: bool) -> None:
    """Print what the agent would do now, and change nothing."""
    from sidedoor.app import planning

    steps = planning.steps(Settings(state=state.resolve()))
    if as_json:
        click.echo(json.dumps({"steps": steps}, indent=2))
    else:
        click.echo("\n".join(steps) or "Nothing to do: what is, is what is wanted.")


@main.command()
@_json_option
def doctor(as_json: bool) -> None:
    """Print what this host can do, and why not."""
    from sidedoor.dataplane import host

    able = host.capabilities()
    findings = [
        ("network namespaces as root", able.can_netns_as_root, able.why_no_netns_as_root),
        ("unprivileged user namespaces", able.can_userns, able.why_no_userns),
        ("cutting flows in the kernel", able.can_destroy_sockets, able.why_no_socket_destroy),
        ("Envoy", able.envoy is not None, able.why_no_envoy or able.envoy_version),
        ("55,000 connections to a target", able.why_not_all_connections is None, able.why_not_all_connections),
        ("loopback placement", True, "always possible"),
    ]
    if as_json:
        click.echo(json.dumps([{"name": name, "ok": ok, "reason": reason} for name, ok, reason in findings], indent=2))
        return
    for name, ok, reason in findings:
        click.echo(f"{'yes' if ok else 'no':4} {name:30} {reason or ''}".rstrip())


@main.group()
def accounts() -> None:
    """The accounts of this installation."""


@accounts.command("create")
@_state_option
@_database_option
@click.option("--id", "account_id", default=None, help="The 12-digit account id; default: a random one.")
@_json_option
@click.argument("name")
def accounts_create(state: Path, database: str | None, account_id: str | None, as_json: bool, name: str) -> None:
    """Create an account NAME and print the access key of its root. The secret is shown only now."""
    from sidedoor.app import accounts as wiring

    created = wiring.create(Settings(state=state.resolve(), database=database), name, account_id)
    _print(created, as_json)


@accounts.command("list")
@_state_option
@_database_option
@_json_option
def accounts_list(state: Path, database: str | None, as_json: bool) -> None:
    """List the accounts."""
    from sidedoor.app import accounts as wiring

    found = wiring.listed(Settings(state=state.resolve(), database=database))
    _print_all(found, as_json, lambda one: f"{one['AccountId']}  {one['Name']}")


@main.group()
def certificates() -> None:
    """Certificates for TLS listeners, from files: what IAM's operations on server certificates do."""


@certificates.command("add")
@_state_option
@_database_option
@_json_option
@click.option("--account", required=True, help="The 12-digit id of the account that gets it.")
@click.option("--name", default=None, help="Its name; default: the first domain that it is for.")
@click.option("--certificate", type=_FILE, required=True, help="PEM file of the certificate; what follows it is its chain.")
@click.option("--key", type=_FILE, required=True, help="PEM file of the private key, without a password.")
@click.option("--chain", type=_FILE, default=None, help="PEM file of the certificates between it and its root.")
def certificates_add(state: Path, database: str | None, as_json: bool, **given: Any) -> None:
    """Add a certificate and print its ARN. Added again under its name it is renewed, also in the listeners that have it."""
    from sidedoor.app import certificates as wiring

    _print(wiring.add(Settings(state=state.resolve(), database=database), **given), as_json)


@certificates.command("list")
@_state_option
@_database_option
@_json_option
@click.option("--account", default=None, help="Only those of this account.")
def certificates_list(state: Path, database: str | None, as_json: bool, account: str | None) -> None:
    """List the certificates."""
    from sidedoor.app import certificates as wiring

    found = wiring.listed(Settings(state=state.resolve(), database=database), account)
    _print_all(
        found,
        as_json,
        lambda one: "  ".join((one["Arn"], one["Expiration"], "in use" if one["InUse"] == "yes" else "unused", one["Domains"])),
    )


@certificates.command("remove")
@_state_option
@_database_option
@click.option("--account", required=True, help="The account that has it.")
@click.argument("name")
def certificates_remove(state: Path, database: str | None, account: str, name: str) -> None:
    """Remove the certificate NAME, which no listener may have."""
    from sidedoor.app import certificates as wiring

    wiring.remove(Settings(state=state.resolve(), database=database), account, name)


@main.group()
def dns() -> None:
    """DNS records of this installation's own, which prove private DNS names."""


@dns.command("put")
@_state_option
@_database_option
@click.argument("name")
@click.argument("kind", metavar="TXT")
@click.argument("value")
def dns_put(state: Path, database: str | None, name: str, kind: str, value: str) -> None:
    """Add VALUE to the TXT record NAME: the name and the value that a service's PrivateDnsNameConfiguration shows."""
    from sidedoor.app import dns_records as wiring

    wiring.put(Settings(state=state.resolve(), database=database), name, kind, value)


@dns.command("list")
@_state_option
@_database_option
@_json_option
def dns_list(state: Path, database: str | None, as_json: bool) -> None:
    """List the records."""
    from sidedoor.app import dns_records as wiring

    found = wiring.listed(Settings(state=state.resolve(), database=database))
    _print_all(found, as_json, lambda one: f"{one['Name']}  {one['Type']}  {one['Value']}")


@dns.command("remove")
@_state_option
@_database_option
@click.argument("name")
@click.argument("kind", metavar="[TXT", required=False)
@click.argument("value", metavar="[VALUE]]", required=False)
def dns_remove(state: Path, database: str | None, name: str, kind: str | None, value: str | None) -> None:
    """Remove the records of NAME, or the one with VALUE. A name that they proved will have to be proved again."""
    from sidedoor.app import dns_records as wiring

    wiring.remove(Settings(state=state.resolve(), database=database), name, kind, value)


@main.command()
@_state_option
@_json_option
@click.argument("number", type=int, required=False)
def mail(state: Path, as_json: bool, number: int | None) -> None:
    """List the mails that no SMTP server took, or print the one with this NUMBER."""
    from sidedoor.app import mail as wiring

    settings = Settings(state=state.resolve())
    if number is not None:
        click.echo(wiring.shown(settings, number))
        return
    found = wiring.listed(settings)
    _print_all(
        found, as_json, lambda one: f"{one['Number']:>4}  {one['Date']}  {one['To']}  {one['Subject']}", ensure_ascii=False
    )


@main.command()
@_state_option
@_database_option
@_json_option
@click.option("--follow/--no-follow", default=True, show_default=True, help="Go on with what happens from now on.")
@click.option("--all", "from_the_first", is_flag=True, help="Begin with the oldest event that is kept, not with now.")
def events(state: Path, database: str | None, as_json: bool, follow: bool, from_the_first: bool) -> None:
    """Print what happens to endpoints, a line an event, until Ctrl-C."""
    from sidedoor.app import events as wiring

    settings = Settings(state=state.resolve(), database=database)
    for one in wiring.lines(settings, follow=follow, from_the_first=from_the_first, as_json=as_json):
        click.echo(one)


def _print_all(
    found: Sequence[Mapping[str, Any]], as_json: bool, line: Callable[[Mapping[str, Any]], str], *, ensure_ascii: bool = True
) -> None:
    """A list: as JSON, or a line for each."""
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=ensure_ascii))
        return
    for one in found:
        click.echo(line(one))


def _print(document: dict[str, str], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    for name, value in document.items():
        click.echo(f"{name:16} {value}")
