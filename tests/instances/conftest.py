from __future__ import annotations

from typing import Any

import pytest
from instance_lab import Lab, furnish


@pytest.fixture
def lab(world: Any) -> Lab:
    return furnish(world)
