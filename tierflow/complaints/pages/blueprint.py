"""The blueprint every view of these screens is registered on."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("complaints", "tierflow.complaints", template_folder="templates")

ROW_ID = "int(max=9007199254740991)"
ONE = f"/complaints/<{ROW_ID}:complaint_id>"
