"""Writing a file so that nobody ever reads a part of it."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: Path, content: str | bytes, *, durable: bool = False) -> None:
    """The new content takes the old one's place at once: whoever reads sees one of the two, whole. Raises ``OSError``.

    ``durable``: it is on the disk before it takes the place.
    """
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
        if durable:
            file.flush()
            os.fsync(file.fileno())
    fresh.replace(path)
