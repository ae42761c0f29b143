"""What the agent's look for idle flows costs: so many open connections in this process, and looks at all of them.

``python bench/idle_flows.py [--flows 10000] [--looks 20]``. Needs no rights; opens two descriptors for each flow.
"""

from __future__ import annotations

import argparse
import json
import resource
import socket
import time

from sidedoor.dataplane import flows
from sidedoor.dataplane.driver import Standing
from sidedoor.dataplane.idle import Watch, pause

ADDRESS = "127.0.0.1"
DOOR = ("vpc-0", ADDRESS, 0)


def opened(listening: socket.socket, count: int) -> list[socket.socket]:
    made = []
    for _ in range(count):
        made.append(socket.create_connection(listening.getsockname()))
        made.append(listening.accept()[0])
    return made


def looks(port: int, count: int) -> list[float]:
    """The seconds of processor time of each look."""
    watch, places, spent = Watch(), {flows.place(ADDRESS, port)}, []
    for _ in range(count):
        began = time.process_time()
        with flows.open_diagnosis() as diagnosis:
            standing = [Standing(DOOR, one) for one in flows.open_flows(diagnosis, "127.0.0.0/8", places)]
        over = watch.look(standing, {DOOR: 350}, time.monotonic())
        spent.append(time.process_time() - began)
        assert not over
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flows", type=int, default=10_000)
    parser.add_argument("--looks", type=int, default=20)
    wanted = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if 2 * wanted.flows + 64 > most:
        parser.error(f"this process may have {most} descriptors: raise `ulimit -Hn`, or ask for fewer --flows")
    with socket.create_server((ADDRESS, 0), backlog=128) as listening:
        ends = opened(listening, wanted.flows)
        spent = sorted(looks(listening.getsockname()[1], wanted.looks))
        for end in ends:
            end.close()
    median = spent[len(spent) // 2]
    share = {f"percent_of_a_core_at_{timeout}_s": round(100 * median / pause(timeout), 2) for timeout in (60, 350)}
    print(json.dumps({"flows": wanted.flows, "look_ms": round(median * 1000, 1), **share}))


if __name__ == "__main__":
    main()
