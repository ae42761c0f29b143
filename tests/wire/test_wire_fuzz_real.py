"""Malformed requests to the real operations, on a store that has one of everything: a share of what ``bench/fuzz.py`` sends."""

from __future__ import annotations

import contextlib
import http.client
import logging
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import one_of_everything as everything
from api_client import ApiClient
from api_server import served_here
from malformed import Maker, describe, fault
from sidedoor.aws.server import MAX_BODY
from sidedoor.store.engine import Store

REQUESTS, SEED = 1000, 7
SLOWEST = 10.0
"""Seconds; a test's host may have other things to do. ``bench/fuzz.py`` measures."""


def test_malformed_requests_are_the_clients_fault_and_are_answered_at_once(
    migrated: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sidedoor.db").write_bytes(migrated.read_bytes())
    caplog.set_level(logging.ERROR)
    problems = []
    with contextlib.closing(Store(f"sqlite:///{tmp_path / 'sidedoor.db'}")) as store, served_here(store) as url:
        made = {}
        for account, letter in (("111111111111", "a"), ("222222222222", "b")):
            with ApiClient(url, account) as client:
                made[account] = everything.make(client.must, account, letter)
        maker = Maker(made)
        with contextlib.closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)) as connection:
            for number in range(REQUESTS):
                request = maker.request(SEED, number)
                sent = {name: value.encode("latin-1", "replace") for name, value in request.headers.items()}
                began = time.monotonic()
                try:
                    connection.request(request.method, request.target, request.body, sent)
                    response = connection.getresponse()
                    problem = fault(request, response.status, response.read())
                except OSError as error:
                    # A body over the limit is not read to its end: the connection may be cut before its answer is read.
                    problem = None if len(request.body) > MAX_BODY else f"cut the connection: {error}"
                    connection.close()
                if time.monotonic() - began > SLOWEST:
                    problem = f"took more than {SLOWEST:.0f} s"
                if problem is not None:
                    problems.append(describe(request, problem))
    assert problems == []
    assert [record.getMessage() for record in caplog.records] == []
