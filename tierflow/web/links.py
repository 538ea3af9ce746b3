"""Addresses, remembered: a page has dozens of them, and most are those of the page before."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import request, url_for


def link(endpoint: str, **values: Any) -> str:
    """`url_for` for an address that depends on its values and on where the product is mounted, and on nothing else."""
    if endpoint.startswith(".") or any(key.startswith("_") or isinstance(values[key], list) for key in values):
        return url_for(endpoint, **values)
    return _built(request.script_root, endpoint, *values.items())


@lru_cache(maxsize=20_000)
def _built(_root: str, endpoint: str, *values: tuple[str, Any]) -> str:
    return url_for(endpoint, **dict(values))
