"""The policy values in force."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, render_template
from sqlalchemy.orm import Session

from tierflow.admin.pages.shared import filters
from tierflow.admin.schemas.settings import PolicyFilter
from tierflow.admin.service import policy
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads

bp = Blueprint("policy", __name__, url_prefix="/policy", template_folder="../templates")


@bp.get("")
@reads("policy.read")
def show(*, session: Session, actor: Actor, now: datetime) -> str:
    """Every number of the rulebook, with its clause."""
    on = filters(PolicyFilter())["on"] or local_day(now)
    shown = policy.in_force(session, actor, on)
    return render_template("admin/policy.html", shown=shown, today=local_day(now))
