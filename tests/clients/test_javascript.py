"""The AWS SDK for JavaScript v3 takes an endpoint through its life, by a script that knows nothing of Sidedoor."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sidedoor.demo.system import System

LIFECYCLE = Path(__file__).with_name("javascript") / "lifecycle.mjs"
PROVIDER, CONSUMER = "111111111111:anything", "222222222222:anything"


@pytest.fixture(scope="module")
def script(client_home: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script with the SDK beside it, where Node looks for what a module imports."""
    packages = client_home("javascript") / "node_modules"
    if shutil.which("node") is None:
        pytest.skip("the JavaScript SDK needs the program node")
    directory = tmp_path_factory.mktemp("javascript")
    (directory / "node_modules").symlink_to(packages)
    return Path(shutil.copy(LIFECYCLE, directory))


def test_an_endpoint_lives_its_life_in_the_javascript_sdk(script: Path, sidedoor_up: System) -> None:
    command = ["node", "--no-warnings", str(script), sidedoor_up.url, PROVIDER, CONSUMER]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.splitlines()[-1] == "All 20 steps held."
