"""Clients that are not ours, as their registries have them, against a whole system in which any account id is an account."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from terraform_program import Terraform, provider_directory

from sidedoor.demo.system import System, running

CONFIGURATION = Path(__file__).with_name("terraform")
CLIENTS = Path(__file__).resolve().parents[2] / ".venv" / "clients"
PENDING_SECONDS = "2"
"""How long an accepted endpoint is ``pending`` at least: longer than these clients take from one look to the next."""


@pytest.fixture(scope="session")
def client_home() -> Callable[[str], Path]:
    """Where ``scripts/clients`` installed a client. Skips the test, and says why, where it did not."""

    def home(name: str) -> Path:
        directory = CLIENTS / name
        if not (directory / "installed").exists():
            missing = CLIENTS / f"{name}.missing"
            reason = missing.read_text().strip() if missing.exists() else "`make clients` installs it"
            pytest.skip(f"{name} is not installed: {reason}")
        return directory

    return home


@pytest.fixture(scope="module")
def sidedoor_up() -> Iterator[System]:
    with running("--dev", "--pending-seconds", PENDING_SECONDS) as system:
        yield system


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with running("--dev") as started:
        yield started


@pytest.fixture(scope="session")
def terraform_provider() -> Path:
    """The directory of Terraform's provider for AWS. Skips where it or Terraform is missing: nothing is downloaded."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed here")
    directory = provider_directory()
    if directory is None:
        pytest.skip(
            "Terraform's provider hashicorp/aws is not on this machine: put it below a plugin directory of Terraform's, or "
            "name the directory of its program in SIDEDOOR_TERRAFORM_PROVIDER"
        )
    return directory


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory, system: System, terraform_provider: Path) -> Terraform:
    """Terraform in a directory of its own with the configuration of this folder."""
    directory = tmp_path_factory.mktemp("terraform")
    for path in CONFIGURATION.glob("*.tf"):
        shutil.copy(path, directory)
    return Terraform(directory, terraform_provider, {"url": system.url})
