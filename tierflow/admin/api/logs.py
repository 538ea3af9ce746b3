"""JSON of the logs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from tierflow.admin.exports import audit_file, security_file
from tierflow.admin.schemas.logs import (
    AuditExportSchema,
    AuditFilter,
    AuditPage,
    SecurityExportSchema,
    SecurityFilter,
    SecurityPage,
)
from tierflow.admin.service import logs
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads
from tierflow.web.exports import FILE
from tierflow.web.openapi import api_blueprint

blp = api_blueprint("logs", "Audit log and security log")


@blp.route("/audit")
@reads("log.read")
@blp.arguments(AuditFilter, location="query")
@blp.response(200, AuditPage)
def audit(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Who did what, newest first, a page at a time; never a customer's particulars."""
    return logs.audit_log(session, actor, wanted, cursor=wanted["cursor"])


@blp.route("/audit/export", methods=["POST"])
@reads("log.export", preview=True)
@blp.arguments(AuditExportSchema)
@blp.doc(responses=FILE)
def export_audit(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """The same as Excel or CSV; noted in the security log."""
    return audit_file(session, actor, wanted, now, _("Audit log"))


@blp.route("/security-events")
@reads("log.read")
@blp.arguments(SecurityFilter, location="query")
@blp.response(200, SecurityPage)
def security(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """What the guards saw, newest first, a page at a time."""
    return logs.security_log(session, actor, wanted, cursor=wanted["cursor"])


@blp.route("/security-events/export", methods=["POST"])
@reads("log.export", preview=True)
@blp.arguments(SecurityExportSchema)
@blp.doc(responses=FILE)
def export_security(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """The same as Excel or CSV; noted in the security log."""
    return security_file(session, actor, wanted, now, _("Security log"))
