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

    def planned(self, *arguments: str, expect: int, **variables: str) -> dict[str, Any]:
        """The plan as a document. ``expect``: 0 where nothing is to do, 2 where something is."""
        self.run(
            "plan", "-input=false", "-parallelism=50", "-no-color", "-detailed-exitcode", "-out=planned", *arguments,
            expect=expect, **variables,
        )  # fmt: skip
        return self.shown("planned")

    def shown(self, *arguments: str) -> dict[str, Any]:
        """A plan, or without an argument the state, as a document."""
        document: dict[str, Any] = json.loads(self.run("show", "-json", *arguments))
        return document

    def _environment(self) -> dict[str, str]:
        """The provider is used where it lies (``dev_overrides``), which needs no ``init``; our own settings of AWS stay out."""
        configuration = self.directory / "terraform.rc"
        overrides = f'dev_overrides {{\n "hashicorp/aws" = "{self.provider}"\n }}'
        configuration.write_text(f"provider_installation {{\n {overrides}\n}}\n")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
        return inherited | {"TF_CLI_CONFIG_FILE": str(configuration), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
