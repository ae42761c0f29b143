"""Readable failures from the suite that all placements share."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("driver_conformance")
