"""``python -m sidedoor.demo [--once] [--network auto|netns|loopback]``: what ``make demo`` runs."""

from __future__ import annotations

import contextlib
import signal
import sys
import time

import click

from sidedoor.demo.play import PORT, Play
from sidedoor.demo.screen import Screen, StepFailed
from sidedoor.demo.system import System, running


@click.command()
@click.option("--once", is_flag=True, help="End after the last step instead of waiting for Ctrl-C.")
@click.option("--network", type=click.Choice(["auto", "netns", "loopback"]), default="auto")
def main(once: bool, network: str) -> None:
    """Plays the chapter against a Sidedoor of its own."""
    screen, started = Screen(), time.monotonic()
    try:
        with running("--network", network, "--pending-seconds", "0.3") as system:
            _introduce(screen, system)
            play = Play(system, screen)
            play.run()
            if not once:
                _stay(play)
        screen.expect(True, "tear-down left no namespace, process or file behind")
    except StepFailed as error:
        click.secho(f"\nThe demonstration failed: {error}", fg="red", bold=True, err=True)
        sys.exit(1)
    click.secho(f"\nDone in {time.monotonic() - started:.1f} s.", bold=True)


def _introduce(screen: Screen, system: System) -> None:
    placement = system.placement
    if placement["mode"] == "loopback":
        screen.shows("Neither root nor user namespaces here: each interface stands on its own 127.x.y.z (loopback placement).")
    else:
        whose = "an unprivileged user namespace" if placement["user_namespace"] else "root's network namespaces"
        screen.shows(f"VPCs are network namespaces ({whose}).")
    screen.shows(f"API {system.url}, state {system.state}")


def _stay(play: Play) -> None:
    """Accepts again, says how to try it, and waits for Ctrl-C."""
    system = play.system
    play.provider.ec2.accept_vpc_endpoint_connections(ServiceId=play.service, VpcEndpointIds=[play.endpoint])
    interface = play.consumer.interfaces["use1-az1"]["NetworkInterfaceId"]
    click.secho("\nAccepted again and left running. From another terminal:", bold=True)
    click.echo(f"  {sys.executable} -m sidedoor exec --state {system.state} {interface} -- \\")
    click.echo(f"    {sys.executable} -m sidedoor.demo.client get {play.names[0]} {PORT}")
    keys = play.provider.session.get_credentials()
    click.echo(f"In a browser: {system.url}/console, as the provider: {keys.access_key} {keys.secret_key}")
    click.secho("Ctrl-C ends it.", dim=True)
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    # SIGTERM too has to come past the tear-down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
