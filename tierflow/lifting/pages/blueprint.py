"""The blueprint every view of these screens is registered on."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("lifting", "tierflow.lifting", template_folder="templates")

ROW_ID = "int(max=9007199254740991)"
ONE = f"/orders/<{ROW_ID}:order_id>"
