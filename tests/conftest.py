"""What holds for all tests."""

import os

import pytest
from hypothesis import HealthCheck, settings
from shared_data import DATA, RECORDINGS

# Shared machines are slow at times: a slow example is no failure, a wrong one is. CI is reproducible.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_configure() -> None:
    """In CI the labelled data must be there, so that no bar is skipped unseen."""
    if os.environ.get("CI") and (DATA is None or RECORDINGS is None):
        pytest.exit("CI needs the labelled sessions and recordings beside the checkout", returncode=1)
