"""Shows a container the VPC's resolver in the place of its own /etc/resolv.conf.

Rule 1: the container's own file is covered by a mount and never written to; taking the mount away brings it back.
Rule 2: a process that has the host's files is left alone: covering its file would cover the host's.
Rule 3: the mounting is done by a child process inside the container's mount namespace, so that a name in there cannot lead
out of it, and so that no thread of ours changes its file system.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
from pathlib import Path

from sidedoor.dataplane.netns import kernel

log = logging.getLogger(__name__)

_RESOLV_CONF = "/etc/resolv.conf"
_TIMEOUT = 20


def cover(pid: int, file: Path) -> str:
    """Has the processes of a container see ``file``, unless they do. Returns why they do not: a sentence or nothing."""
    try:
        if _has_files_of_the_host(pid):
            return f"Process {pid} has the files of the host, so {_RESOLV_CONF} is the host's: ask {file} by hand."
        if _mount_point(pid, file) is not None:
            return ""
    except FileNotFoundError:
        return f"Process {pid} has ended."
    done = _inside("cover", pid, str(file))
    return "" if done.returncode == 0 else f"{_RESOLV_CONF} stays the container's own ({_last_line(done.stderr)})."


def uncover(pid: int, file: Path) -> None:
    """Brings the container's own file back, if it lives and does not see it."""
    try:
        point = None if _has_files_of_the_host(pid) else _mount_point(pid, file)
    except FileNotFoundError:
        return
    if point is not None:
        done = _inside("uncover", pid, point)
        if done.returncode != 0:
            text = "%s of process %s stays covered: %s"
            log.warning(text, point, pid, _last_line(done.stderr), extra={"action": "attach.covered"})


def _has_files_of_the_host(pid: int) -> bool:
    """Whether it has the mounts of process 1, or ours. Of process 1 the kernel may tell even root nothing."""
    home = {Path("/proc/self/ns/mnt").stat().st_ino}
    with contextlib.suppress(PermissionError):
        home.add(Path("/proc/1/ns/mnt").stat().st_ino)
    return Path(f"/proc/{pid}/ns/mnt").stat().st_ino in home


def _mount_point(pid: int, file: Path) -> str | None:
    """Where a process sees a file mounted (proc_pid_mountinfo(5), fields 4 and 5).

    The file is known by the last two parts of its path, which no other file has.
    """
    mark = "/".join(("", *file.parts[-2:]))
    for line in Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        _, _, _, root, point, *_ = line.split(" ")
        if root.removesuffix("//deleted").endswith(mark):
            return point
    return None


def _inside(verb: str, pid: int, path: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", __name__, verb, str(pid), path]
    return subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason was given"])[-1]


def main(verb: str, pid: int, path: str) -> None:
    """Runs as a process of its own, which moves into the container for good. There /proc knows nothing of it."""
    ours = kernel.open_tree(path) if verb == "cover" else None
    descriptor = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    kernel.setns(descriptor, kernel.CLONE_NEWNS)
    if ours is not None:
        if not Path(_RESOLV_CONF).exists():
            Path(_RESOLV_CONF).touch()
        kernel.move_mount(ours, _RESOLV_CONF)
    else:
        kernel.unmount(path)


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    except OSError as error:
        sys.exit(str(error))
