"""Fixtures of the contract tests."""

from __future__ import annotations

import pytest
from handmade import Time, Vendor


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def vendor(time: Time) -> Vendor:
    return Vendor(time)
