"""Runs each file of this directory in a child process with network, mount and (without root) user namespaces of its own.

Rule 1: the host's own namespaces stay untouched, whoever runs the tests and however they end.
Rule 2: the child's reports are played back test by test, so that the outcome reads as if nothing of this had happened.
Rule 3: where the host allows none of it, every test is skipped with the host's reason.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
INSIDE = "SIDEDOOR_KERNEL_TEST_REPORTS"
TIMEOUT = 900

sys.path.append(str(HERE.parent / "dataplane"))
pytest.register_assert_rewrite("driver_conformance")

_reports: pytest.StashKey[dict[str, list[Any]]] = pytest.StashKey()


class Recorder:
    """Inside: hands each report to the process outside."""

    def __init__(self, config: pytest.Config, record: Path) -> None:
        self._config = config
        self._record = record

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        document = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        with self._record.open("a", encoding="utf-8") as record:
            record.write(json.dumps(document) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    if INSIDE in os.environ:
        config.pluginmanager.register(Recorder(config, Path(os.environ[INSIDE])))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    if INSIDE in os.environ or not item.path.is_relative_to(HERE):
        return None
    reports = item.session.stash.setdefault(_reports, {})
    if item.nodeid not in reports:
        # Those of one file together, since pytest-xdist gives a worker whole files, though it knows of all.
        reports |= _run_inside(item.config, [one for one in item.session.items if one.path == item.path])
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in reports[item.nodeid]:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _run_inside(config: pytest.Config, items: list[pytest.Item]) -> dict[str, list[Any]]:
    """The reports of the tests by their ids. A test that was not brought to its end has failed."""
    rights, refusal = _rights()
    if rights is None:
        return {one.nodeid: [_skipped(one.nodeid, refusal)] for one in items}
    reports: dict[str, list[Any]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="sidedoor-kernel-") as directory:
        record = Path(directory, "reports")
        record.touch()
        command = [sys.executable, str(HERE / "inside.py"), rights, *(one.nodeid for one in items)]
        command += [f"--basetemp={directory}/tests", "-p", "no:cacheprovider", "-q"]
        output = _run(command, config.rootpath, os.environ | {INSIDE: str(record)})
        for line in record.read_text(encoding="utf-8").splitlines():
            report = config.hook.pytest_report_from_serializable(config=config, data=json.loads(line))
            reports[report.nodeid].append(report)
    for item in items:
        if not any(report.when == "teardown" for report in reports[item.nodeid]):
            reports[item.nodeid].append(pytest.TestReport(item.nodeid, item.location, {}, "failed", output, "call"))
    return reports


def _run(command: list[str], directory: Path, environment: dict[str, str]) -> str:
    try:
        child = subprocess.run(
            command, cwd=directory, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        return f"The tests inside did not end: {error}"
    return f"The tests inside ended with {child.returncode}:\n{child.stdout}\n{child.stderr}"


def _rights() -> tuple[str | None, str]:
    """``root`` or ``user``, whichever may make namespaces here, or None and why.

    Nothing but the system calls decides: a fault of the placement itself has to fail tests, not to skip them.
    """
    refusals = []
    for rights in ("root", "user") if os.geteuid() == 0 else ("user",):
        command = [sys.executable, str(HERE / "inside.py"), rights]
        tried = subprocess.run(command, capture_output=True, text=True, check=False)
        if tried.returncode == 0:
            return rights, ""
        refusals.append(f"as {rights}: {tried.stderr.strip().splitlines()[-1]}")
    return None, f"this host allows no network namespaces ({'; '.join(refusals)})"


def _skipped(node_id: str, reason: str) -> pytest.TestReport:
    where = (node_id.partition("::")[0], 1, f"Skipped: {reason}")
    return pytest.TestReport(node_id, (where[0], 1, node_id), {}, "skipped", where, "setup")
