"""Terraform as the tests run it: with the provider that lies on this machine, and with nothing from the network."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = "terraform-provider-aws_v5*"
LONGEST = 400.0
"""Seconds that one command may take, on a machine that has other things to do."""

GARBAGE_PERCENT = "400"
"""How much Go lets the heap grow before it collects: a provider that starts makes the schemas of all of AWS, and with Go's own
100 it takes a third more time of the processor for that."""


def provider_directory() -> Path | None:
    """Where the program of hashicorp/aws lies: in a directory that is named, or laid out as a mirror of providers."""
    named = os.environ.get("SIDEDOOR_TERRAFORM_PROVIDER")
    candidates = [Path(named)] if named else _mirrored()
    return next((directory for directory in candidates if any(directory.glob(PROGRAM))), None)


def _mirrored() -> Iterator[Path]:
    """Directories ``HOST/hashicorp/aws/VERSION/OS_ARCH`` in Terraform's own places, or in a mirror below a top directory."""
    own = [Path.home() / ".terraform.d/plugins", Path.home() / ".local/share/terraform/plugins"]
    shared = [Path("/usr/local/share/terraform/plugins"), Path("/usr/share/terraform/plugins")]
    tops = [top for top in Path("/").iterdir() if top.is_dir() and top.name not in ("proc", "sys", "dev", "tmp")]
    target = f"linux_{ {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(platform.machine(), platform.machine()) }"
    for pattern, places in (("*/hashicorp/aws/*", own + shared), ("*/*/hashicorp/aws/*", tops)):
        for place in places:
            for version in sorted(place.glob(pattern), reverse=True):
                yield version / target


@dataclass(frozen=True)
class Terraform:
    """A directory with a configuration and its state. ``variables`` are those of the configuration."""

    directory: Path
    provider: Path
    variables: Mapping[str, str]

    def run(self, verb: str, *arguments: str, expect: int = 0, **variables: str) -> str:
        """Runs one command; it must end with the status ``expect``. Returns what it printed."""
        given = {f"TF_VAR_{name}": value for name, value in {**self.variables, **variables}.items()}
        done = subprocess.run(
            ["terraform", verb, *arguments], cwd=self.directory, env=self._environment() | given, text=True,
            capture_output=True, timeout=LONGEST, check=False,
        )  # fmt: skip
        assert done.returncode == expect, f"terraform {verb} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def apply(self, **variables: str) -> str:
        return self.run("apply", "-auto-approve", "-input=false", "-parallelism=50", "-no-color", **variables)

    def destroy(self, **variables: str) -> str:
        """Of what the state says: it is not read again before."""
        return self.run(
            "destroy", "-auto-approve", "-input=false", "-refresh=false", "-parallelism=50", "-no-color", **variables
        )

    def has_nothing_to_do(self, **variables: str) -> None:
        """Reads all that stands: a plan must find no difference."""
        self._plan(expect=0, **variables)

    def planned_actions(self, **variables: str) -> dict[str, str]:
        """Plans, so that ``apply_planned`` can do it. The address of each resource that would change -> what is to be done.

        Without the whole plan: to show it as a document takes the provider once more.
        """
        lines = self._plan("-json", "-out=planned", expect=2, **variables).splitlines()
        changes = [line["change"] for line in map(json.loads, lines) if line["type"] == "planned_change"]
        return {one["resource"]["addr"]: one["action"] for one in changes if not one["resource"]["addr"].startswith("data.")}

    def apply_planned(self) -> str:
        return self.run("apply", "-auto-approve", "-input=false", "-parallelism=50", "-no-color", "planned")

    def planned(self, **variables: str) -> dict[str, Any]:
        """The plan as a document; something must be to do."""
        self._plan("-out=planned", expect=2, **variables)
        return self.shown("planned")

    def _plan(self, *arguments: str, expect: int, **variables: str) -> str:
        """``expect``: 0 where nothing is to do, 2 where something is."""
        fixed = ("-input=false", "-parallelism=50", "-no-color", "-detailed-exitcode")
        return self.run("plan", *fixed, *arguments, expect=expect, **variables)

    def shown(self, *arguments: str) -> dict[str, Any]:
        """A plan, or without an argument the state, as a document."""
        document: dict[str, Any] = json.loads(self.run("show", "-json", *arguments))
        return document

    def outputs(self) -> dict[str, Any]:
        """The outputs that the state has, by name; this needs no provider."""
        found = json.loads(self.run("output", "-json"))
        return {name: one["value"] for name, one in found.items()}

    def standing(self) -> list[str]:
        """The addresses that the state has; this needs no provider."""
        return self.run("state", "list").splitlines()

    def _environment(self) -> dict[str, str]:
        """The provider is used where it lies (``dev_overrides``), which needs no ``init``; our own settings of AWS stay out."""
        configuration = self.directory / "terraform.rc"
        overrides = f'dev_overrides {{\n "hashicorp/aws" = "{self.provider}"\n }}'
        configuration.write_text(f"provider_installation {{\n {overrides}\n}}\n")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
        own = {"TF_CLI_CONFIG_FILE": str(configuration), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        return inherited | own | {"GOGC": GARBAGE_PERCENT}
