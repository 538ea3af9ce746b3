"""JSON of taking over existing customers."""

from __future__ import annotations

from tierflow.onboarding.service.takeover import CUSTOMERS
from tierflow.web import imports_api
from tierflow.web.openapi import api_blueprint

blp = api_blueprint("takeover", "Taking over customers")

imports_api.register(blp, CUSTOMERS, prefix="/takeover", read="takeover.read")
