"""Clients that are not ours, as their registries have them, against a whole system in which any account id is an account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sidedoor.demo.system import System, running

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
