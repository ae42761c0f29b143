from __future__ import annotations

from typing import Any

import pytest

from privatelink_site import Site


@pytest.fixture
def site(world: Any) -> Site:
    return Site(world)
