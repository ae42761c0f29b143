"""Sends malformed requests to a real Sidedoor with resources in it; prints what is wrong with the answers, and their times.

    python bench/fuzz.py [--requests 50000] [--seed 1] [--slowest 2.0] [--only NUMBER]

No answer may be a 5xx, slower than --slowest, or outside its protocol's envelope, and the log may hold no traceback; else the
exit status is 1. The requests are those of ``tests/malformed.py``, which the suite sends a small share of; ``--only`` sends one
of them again. Bounded: it makes so many requests and stops by itself.
"""

from __future__ import annotations

import argparse
import http.client
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import one_of_everything as everything
from api_client import ApiClient
from api_server import program
from malformed import BROKEN_HTTP, Maker, Malformed, describe, fault

CLIENTS = 4
BLOCK = 2500
"""How many requests go to the same two accounts: they delete what there is."""


def furnished(url: str, block: int) -> Maker:
    made = {}
    for account, letter in ((f"111111{block:06}", "a"), (f"222222{block:06}", "b")):
        with ApiClient(url, account) as client:
            made[account] = everything.make(client.must, account, letter)
    return Maker(made)


class Sender(threading.local):
    """A connection a thread, opened anew where the server has closed it."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)

    def send(self, request: Malformed) -> tuple[int, bytes, float]:
        for attempt in (1, 2):
            began = time.perf_counter()
            try:
                sent = {name: value.encode("latin-1", "replace") for name, value in request.headers.items()}
                self._connection.request(request.method, request.target, request.body, sent)
                response = self._connection.getresponse()
                return response.status, response.read(), time.perf_counter() - began
            except (OSError, http.client.HTTPException):
                self._connection.close()
                if attempt == 2:
                    raise
        raise AssertionError


def broken_http(url: str) -> list[str]:
    """What is wrong with the answers to bytes that are no request."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    problems = []
    for sent in BROKEN_HTTP:
        with socket.create_connection((host, port), 10) as connection:
            connection.settimeout(2)
            answer = b""
            try:
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
                answer = connection.recv(4096)
            except OSError:
                pass
        if answer and not answer.startswith(b"HTTP/1.1 4"):
            problems.append(f"{sent[:60]!r} was answered {answer[:60]!r}")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--slowest", type=float, default=2.0)
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    numbers = range(options.requests) if options.only is None else [options.only]
    problems: list[str] = []
    makers: dict[int, Maker] = {}
    statuses: Counter[int] = Counter()
    times: list[tuple[float, int]] = []
    with tempfile.TemporaryDirectory(prefix="sidedoor-fuzz-") as directory, program(Path(directory) / "state") as server:
        sender = Sender(server.url)

        def one(number: int) -> None:
            request = makers[number // BLOCK].request(options.seed, number)
            status, content, seconds = sender.send(request)
            statuses[status] += 1
            times.append((seconds, number))
            problem = fault(request, status, content)
            if problem is None and seconds > options.slowest:
                problem = f"took {seconds:.2f} s"
            if problem is not None:
                problems.append(describe(request, problem))
            if options.only is not None:
                print(describe(request, f"{status} {content.decode(errors='replace')}"))

        began = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as threads:
            for block in sorted({number // BLOCK for number in numbers}):
                makers[block] = furnished(server.url, block)
                for _ in threads.map(one, [number for number in numbers if number // BLOCK == block]):
                    pass
        took = time.perf_counter() - began
        problems += broken_http(server.url)
        problems += [f"log: {line[:3000]}" for line in server.faults()]
    report(problems, statuses, times, took)
    return 1 if problems else 0


def report(problems: list[str], statuses: Counter[int], times: list[tuple[float, int]], took: float) -> None:
    for problem in problems[:50]:
        print(problem)
    sorted_times: list[Any] = sorted(times)
    print(f"{len(times)} requests in {took:.0f} s, {len(problems)} problems; statuses {dict(sorted(statuses.items()))}")
    seconds = [one for one, _ in sorted_times]
    if len(seconds) > 1:
        p99 = statistics.quantiles(seconds, n=100)[98]
        print(
            f"median {seconds[len(seconds) // 2] * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms, slowest {seconds[-1] * 1000:.1f} ms"
        )
        print("the slowest:", ", ".join(f"{number} ({one * 1000:.0f} ms)" for one, number in sorted_times[-5:]))


if __name__ == "__main__":
    sys.exit(main())
