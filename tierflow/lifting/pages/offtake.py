"""Offtake from the ERP: the screens of its imports."""

from __future__ import annotations

from flask import Flask

from tierflow.lifting.pages.blueprint import bp
from tierflow.lifting.service.offtake_import import OFFTAKE
from tierflow.web import imports

imports.register(bp, OFFTAKE, prefix="/offtake/imports", name="offtake", read="offtake.read")


def init(app: Flask) -> None:
    """Attach what notices of an import lead to."""
    app.extensions["inbox_kinds"].update(imports.inbox_kinds(bp, OFFTAKE, "offtake"))
