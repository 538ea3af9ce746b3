"""Due times that an amended calendar would move: a person decides each (CHEM-12.3)."""

from __future__ import annotations

from datetime import datetime

from flask import render_template
from sqlalchemy.orm import Session

from tierflow.complaints.pages import views
from tierflow.complaints.pages.blueprint import bp
from tierflow.complaints.service import redating as service
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads


@bp.get("/complaints/redating")
@reads("complaint.read")
def redating(*, session: Session, actor: Actor, now: datetime) -> str:
    """The list; each line leads to its decision."""
    rows = [
        {
            "id": each.complaint.id,
            "number": each.complaint.number,
            "customer": each.complaint.customer_name,
            "severity": views.severity_badge(each.complaint.severity),
            "due_at": each.clock.due_at,
            "would_be_at": each.would_be.planned.due_at,
        }
        for each in service.proposed(session, actor)
    ]
    return render_template("complaints/redating.html", rows=rows)
