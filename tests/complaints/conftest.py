"""A company that hears complaints, on each engine in turn."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.complaints.scenes import Scene


@pytest.fixture
def scene(both_app: Flask) -> Scene:
    return Scene(both_app)
