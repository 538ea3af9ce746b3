"""The audit log and the security log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, render_template
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from tierflow.admin.exports import audit_file, security_file
from tierflow.admin.pages.shared import filters
from tierflow.admin.schemas.logs import AuditExportSchema, AuditFilter, SecurityExportSchema, SecurityFilter
from tierflow.admin.service import logs
from tierflow.admin.service.log_words import EVENTS, SUBJECTS
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads
from tierflow.web.i18n import show as shown
from tierflow.web.schemas import form_data, load

bp = Blueprint("logs", __name__, url_prefix="/logs", template_folder="../templates")


def _people(session: Session, actor: Actor) -> list[tuple[int, str]]:
    return [(user.id, f"{user.name} ({user.login})") for user in logs.people_who_acted(session, actor)]


@bp.get("/audit")
@reads("log.read")
def audit(*, session: Session, actor: Actor, now: datetime) -> str:
    """Who did what, newest first."""
    wanted = filters(AuditFilter())
    page = logs.audit_log(session, actor, wanted, cursor=wanted["cursor"])
    return render_template(
        "admin/logs/audit.html",
        page=page,
        people=_people(session, actor),
        subjects=[(key, shown(word)) for key, word in SUBJECTS.items()],
        words=SUBJECTS,
    )


@bp.get("/security")
@reads("log.read")
def security(*, session: Session, actor: Actor, now: datetime) -> str:
    """What the guards saw, newest first."""
    wanted = filters(SecurityFilter())
    page = logs.security_log(session, actor, wanted, cursor=wanted["cursor"])
    return render_template("admin/logs/security.html", page=page, people=_people(session, actor), events=EVENTS)


@bp.post("/audit/export")
@reads("log.export", preview=True)
def export_audit(*, session: Session, actor: Actor, now: datetime) -> Response:
    """The same as a file; noted in the security log."""
    wanted: dict[str, Any] = load(AuditExportSchema(), form_data())
    return audit_file(session, actor, wanted, now, _("Audit log"))


@bp.post("/security/export")
@reads("log.export", preview=True)
def export_security(*, session: Session, actor: Actor, now: datetime) -> Response:
    """The same as a file; noted in the security log."""
    wanted: dict[str, Any] = load(SecurityExportSchema(), form_data())
    return security_file(session, actor, wanted, now, _("Security log"))
