"""Network namespaces with names: bind mounts in one directory, on a file system of that directory's own.

Rule 1: a namespace gets its name when it is complete. What is unfinished has no name and ends with the thread that made it.
Rule 2: a name is nothing, the namespace behind it is the truth: after a restart of the host a name may stand for nothing.
Rule 3: only the calling thread changes its namespace, and it is back in its own when the ``with`` block ends.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sidedoor.dataplane.netns import kernel

_OWN = "/proc/thread-self/ns/net"


class Namespaces:
    """The named network namespaces of one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()

    def start(self) -> None:
        """Mounts the directory. Shared, so that a later mount namespace does not keep alive what is removed here."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._directory.is_mount():
            flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
            kernel.mount("sidedoor", str(self._directory), "tmpfs", flags, "mode=0700,size=1m")
            kernel.mount("none", str(self._directory), None, kernel.MS_SHARED)

    def path(self, name: str) -> str:
        return str(self._directory / name)

    def names(self) -> set[str]:
        """The names behind which a namespace stands."""
        try:
            return {path.name for path in self._directory.iterdir() if path.name in self}
        except FileNotFoundError:
            return set()

    def __contains__(self, name: str) -> bool:
        try:
            with opened(self.path(name)):
                return True
        except FileNotFoundError:
            return False

    @contextmanager
    def entered(self, name: str) -> Iterator[None]:
        """Runs the block inside a namespace. Raises ``FileNotFoundError`` where there is none of this name."""
        with opened(self.path(name)) as there, inside(there):
            yield

    @contextmanager
    def made(self, name: str) -> Iterator[None]:
        """Runs the block inside a new namespace, which gets its name if the block ends without an error."""
        with returning():
            kernel.unshare(kernel.CLONE_NEWNET)
            yield
            Path(self.path(name)).touch(mode=0o400)
            kernel.mount(_OWN, self.path(name), None, kernel.MS_BIND)

    def remove(self, name: str) -> None:
        """Takes the name away, and with it the namespace, unless a process still lives in it."""
        while kernel.unmount(self.path(name)):
            pass
        Path(self.path(name)).unlink(missing_ok=True)

    def remove_all(self) -> None:
        while kernel.unmount(str(self._directory)):
            pass
        if self._directory.is_mount():  # user_namespaces(7): what was mounted outside cannot be unmounted inside
            raise PermissionError(errno.EPERM, f"{self._directory} was mounted outside of this user namespace")
        if self._directory.exists():
            for stale in self._directory.iterdir():
                stale.unlink()
            self._directory.rmdir()


@contextmanager
def opened(path: str) -> Iterator[int]:
    """A descriptor of the network namespace behind a path. Raises ``FileNotFoundError`` where the path leads to none."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not kernel.is_network_namespace(descriptor):
            raise FileNotFoundError(2, f"there is no network namespace behind {path}")
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def inside(namespace: int) -> Iterator[None]:
    """Runs the block inside the network namespace behind a descriptor."""
    with returning():
        kernel.setns(namespace, kernel.CLONE_NEWNET)
        yield


@contextmanager
def here() -> Iterator[int]:
    """A descriptor of the network namespace in which the calling thread is."""
    with opened(_OWN) as descriptor:
        yield descriptor


@contextmanager
def returning() -> Iterator[None]:
    """Brings the calling thread back into its network namespace when the block ends."""
    with here() as home:
        try:
            yield
        finally:
            kernel.setns(home, kernel.CLONE_NEWNET)
