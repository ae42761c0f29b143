"""What the demonstration prints: a step, the AWS call that it makes, and what that showed. In colour on a terminal."""

from __future__ import annotations

import click


class StepFailed(Exception):
    """A step did not show what it should."""


class Screen:
    def step(self, number: int, text: str) -> None:
        click.secho(f"\n{number}. {text}", bold=True, fg="cyan")

    def call(self, service: str, operation: str, **parameters: object) -> None:
        shown = " ".join(f"{name}={value}" for name, value in parameters.items())
        click.echo(click.style(f"   aws {service} {operation} ", fg="yellow") + click.style(shown, dim=True))

    def shows(self, text: str) -> None:
        click.echo(f"     {text}")

    def expect(self, holds: bool, text: str) -> None:
        """Prints a fact that was checked. Raises ``StepFailed`` where it does not hold."""
        mark = click.style("ok ", fg="green") if holds else click.style("NOT", fg="red", bold=True)
        click.echo(f"     {mark} {text}")
        if not holds:
            raise StepFailed(text)
