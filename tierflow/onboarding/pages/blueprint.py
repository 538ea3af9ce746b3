"""The blueprint every view of these screens is registered on."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("onboarding", "tierflow.onboarding", template_folder="templates")

ROW_ID = "int(max=9007199254740991)"
APPLICATION = f"/applications/<{ROW_ID}:application_id>"
CUSTOMER = f"/customers/<{ROW_ID}:customer_id>"
