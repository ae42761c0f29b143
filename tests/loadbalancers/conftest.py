from __future__ import annotations

from typing import Any

import pytest
from load_balancer_site import Site, furnish


@pytest.fixture
def site(world: Any) -> Site:
    return furnish(world)
