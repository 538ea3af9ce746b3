"""Screens of administration."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, render_template
from sqlalchemy.orm import Session

from tierflow.kernel.roles import Actor
from tierflow.web.access import reads

bp = Blueprint("people", __name__, template_folder="templates")


@bp.get("/me")
@reads("self.read")
def me(*, session: Session, actor: Actor, now: datetime) -> str:
    """My account: roles, delegation, tokens, password, second factor."""
    return render_template("admin/me.html")
