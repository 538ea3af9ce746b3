"""tierflow: qualifies, tiers and serves the customers of a petrochemical sales company."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask

__version__ = "0.1.0"


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Build the web application. Imported late, so that rules and kernel load without Flask."""
    from tierflow.app import build

    return build(config)
