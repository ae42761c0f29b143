"""``inside.py root|user ARGUMENTS``: pytest in namespaces that end with it. Without arguments: only tries to make them."""

from __future__ import annotations

import sys

from sidedoor.dataplane.netns.holder import isolate

if __name__ == "__main__":
    isolate(user=sys.argv[1] == "user")
    if not sys.argv[2:]:
        sys.exit()

    import pytest

    from sidedoor.dataplane.netns.links import Links

    with Links() as links:
        links.set(links.get("lo"), state="up")
    sys.exit(pytest.main(sys.argv[2:]))
