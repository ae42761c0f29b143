"""The AWS SDK for JavaScript v3 reads metrics in each of the protocols in which CloudWatch is spoken."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from api_server import served_here
from metric_samples import OWNER, at, bytes_processed, told
from sidedoor.metrics.record import record
from world import World

SCRIPT = Path(__file__).with_name("javascript") / "metrics.mjs"
POINTS = [[f"2026-03-01T12:0{minute}:00.000Z", 100 * minute] for minute in (5, 4, 3, 2, 1)]
TYPES = ["application/x-www-form-urlencoded", "application/x-amz-json-1.0", "application/cbor"]


def test_the_javascript_sdk_reads_metrics_in_every_protocol(
    client_home: Callable[[str], Path], world: World, tmp_path: Path
) -> None:
    packages = client_home("javascript") / "node_modules"
    if shutil.which("node") is None:
        pytest.skip("the JavaScript SDK needs the program node")
    (tmp_path / "node_modules").symlink_to(packages)
    script = shutil.copy(SCRIPT, tmp_path)
    one = bytes_processed()
    record(world.store, [told(one, minute, 100 * minute) for minute in range(1, 6)], source="agent", now=at(6))
    with served_here(world.store, clock=lambda: at(10)) as url:
        command = ["node", "--no-warnings", script, url, OWNER]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    read = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["types"] for answer in read] == [[kind] for kind in TYPES]
    for answer in read:
        assert [metric["MetricName"] for metric in answer["metrics"]] == ["BytesProcessed"]
        assert answer["points"] == POINTS
        name, message, status = answer["refusal"]
        assert (name, status) == ("InvalidParameterValueException", 400)
        assert message.startswith("The parameter Period must be a multiple of 60")
