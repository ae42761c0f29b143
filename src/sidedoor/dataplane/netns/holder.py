"""What holds the namespaces of a user without rights: a sleeping process in a user, mount and network namespace of its own.

Rule 1: the holder does nothing and outlives the agent, so that networks and Envoy stay when the agent goes.
Rule 2: a holder is known by its process id and its start time, so that a process that got the id later is not taken for it.
Rule 3: ``enter`` moves the whole process, which must have one thread (setns(2)); it comes first in a program.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from sidedoor import whole_file
from sidedoor.dataplane.netns import kernel
from sidedoor.processes import started

_NAMESPACES = (("user", kernel.CLONE_NEWUSER), ("mnt", kernel.CLONE_NEWNS), ("net", kernel.CLONE_NEWNET))


class HolderError(Exception):
    """The user namespace cannot be made, found or entered. The message says why."""


@dataclass(frozen=True, slots=True)
class Holder:
    """``started``: clock ticks after boot, as /proc/<pid>/stat has it."""

    pid: int
    started: int


def find_holder(run_dir: Path) -> Holder | None:
    """The holder of a state directory, if it lives."""
    try:
        holder = Holder(**json.loads(_record(run_dir).read_text(encoding="ascii")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return holder if started(holder.pid) == holder.started else None


def ensure_holder(run_dir: Path) -> Holder:
    """The holder of a state directory, started if need be. Raises ``HolderError``."""
    holder = find_holder(run_dir)
    if holder is not None:
        return holder
    run_dir.mkdir(parents=True, exist_ok=True)
    child = subprocess.run([sys.executable, "-m", __name__], capture_output=True, text=True, check=False)
    if child.returncode != 0:
        reason = child.stderr.strip().rpartition("\n")[2]
        raise HolderError(f"no user namespace can be made here: {reason}")
    pid = int(child.stdout)
    holder = Holder(pid, started(pid) or 0)
    whole_file.write(_record(run_dir), json.dumps(asdict(holder)))
    return holder


def enter(holder: Holder) -> None:
    """Moves this process into the holder's user, mount and network namespaces. Raises ``HolderError``."""
    where = Path.cwd()
    try:
        with contextlib.ExitStack() as stack:
            doors = [(os.open(f"/proc/{holder.pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC), kind) for name, kind in _NAMESPACES]
            for descriptor, _ in doors:
                stack.callback(os.close, descriptor)
            if started(holder.pid) != holder.started:
                raise HolderError(f"the holder of the namespaces, process {holder.pid}, has ended")
            for descriptor, kind in doors:
                kernel.setns(descriptor, kind)
        os.chdir(where)
    except OSError as error:
        raise HolderError(f"the namespaces of process {holder.pid} cannot be entered: {error.strerror}") from error


def stop_holder(run_dir: Path) -> None:
    """Ends the holder; the kernel takes down what no process lives in. Repeating it changes nothing."""
    holder = find_holder(run_dir)
    if holder is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(holder.pid, signal.SIGKILL)
    _record(run_dir).unlink(missing_ok=True)


def isolate(*, user: bool) -> None:
    """Gives this process network and mount namespaces of its own; ``user``: as root of a new user namespace."""
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare((kernel.CLONE_NEWUSER if user else 0) | kernel.CLONE_NEWNET | kernel.CLONE_NEWNS)
    if user:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1", encoding="ascii")
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)


def _record(run_dir: Path) -> Path:
    return run_dir / "holder"


def _main() -> int:
    """Starts the holder as a process of nobody's and prints its id when its namespaces are ready."""
    ready, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _hold(write)
    os.close(write)
    with os.fdopen(ready) as pipe:
        failure = pipe.read()
    print(failure or pid, file=sys.stderr if failure else sys.stdout)
    return 1 if failure else 0


def _hold(write: int) -> None:
    """Never returns. The pipe closes by itself when ``sleep`` takes this process over."""
    try:
        os.setsid()
        isolate(user=True)
        os.chdir("/")
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        os.execvp("sleep", ["sleep", "infinity"])  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(write, str(error.strerror).encode())
    finally:
        os._exit(1)


if __name__ == "__main__":
    sys.exit(_main())
