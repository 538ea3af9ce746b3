"""The logs as files, for the page and the API alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from tierflow.admin.service import logs
from tierflow.common.acts import act_label
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import text
from tierflow.web.exports import MOST_ROWS, Column, download


def _told(row: logs.AuditRow) -> str:
    if row.is_hidden:
        return ", ".join(difference.field for difference in row.differences)
    return "; ".join(f"{d.field}: {d.before} → {d.after}" for d in row.differences)


AUDIT = [
    Column(text("No."), lambda row: row.entry.seq, "integer", 10),
    Column(text("When"), lambda row: row.entry.at, "moment", 18),
    Column(text("Done by"), lambda row: row.entry.actor_name, width=18),
    Column(text("In whose name"), lambda row: row.on_behalf_of, width=18),
    Column(text("Act"), lambda row: row.entry.action, width=24),
    Column(text("In words"), lambda row: text(act_label(row.entry.action)), width=24),
    Column(text("Concerning"), lambda row: f"{row.entry.subject_type} {row.entry.subject_id}", width=24),
    Column(text("Changes"), _told, width=60),
    Column(text("Reason"), lambda row: row.reason, width=40),
    Column(text("Hash"), lambda row: row.entry.hash, "code", 66),
]

SECURITY = [
    Column(text("No."), lambda row: row.event.id, "integer", 10),
    Column(text("When"), lambda row: row.event.at, "moment", 18),
    Column(text("Event"), lambda row: row.event.kind, width=20),
    Column(text("Done by"), lambda row: row.user_name, width=18),
    Column(text("User name"), lambda row: row.event.login, width=18),
    Column(text("Address"), lambda row: row.event.address, "code", 18),
    Column(text("Detail"), lambda row: row.event.detail, width=60),
]


def audit_file(session: Session, actor: Actor, wanted: Mapping[str, Any], now: datetime, title: str) -> Response:
    """The audit log as Excel or CSV."""
    rows = logs.audit_export(session, actor, wanted, MOST_ROWS)
    return download(rows, AUDIT, form=wanted["form"], name="audit-log", title=title, actor=actor, now=now)


def security_file(session: Session, actor: Actor, wanted: Mapping[str, Any], now: datetime, title: str) -> Response:
    """The security log as Excel or CSV."""
    rows = logs.security_export(session, actor, wanted, MOST_ROWS)
    return download(rows, SECURITY, form=wanted["form"], name="security-log", title=title, actor=actor, now=now)
