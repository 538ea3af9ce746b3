"""The blueprint every view of these screens is registered on."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("grading", "tierflow.grading", template_folder="templates")

ROW_ID = "int(max=9007199254740991)"
RUN = f"/levels/runs/<{ROW_ID}:run_id>"
