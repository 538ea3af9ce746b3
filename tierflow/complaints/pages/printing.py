"""Paper: annex 3 (客户投诉记录及处理意见表) and the receipt given at once, both on A4."""

from __future__ import annotations

from datetime import datetime

from flask import render_template, url_for
from sqlalchemy.orm import Session

from tierflow.complaints.pages import choices, story, views
from tierflow.complaints.pages.blueprint import ONE, bp
from tierflow.complaints.rules.words import SATISFACTION, SEVERITY_LABELS, Severity
from tierflow.complaints.service import whole as whole_service
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads
from tierflow.web.i18n import show


@bp.get(f"{ONE}/annex3")
@reads("complaint.read")
def annex(*, session: Session, actor: Actor, now: datetime, complaint_id: int) -> str:
    """The complaint's record and handling opinion, with every signature and time."""
    found = whole_service.whole(session, actor, complaint_id, now)
    opinion = found.present_opinion
    return render_template(
        "complaints/annex3.html",
        found=found,
        complaint=found.card.complaint,
        clock=found.card.clock,
        product=views.product_name(found.card.product),
        severities=[(str(each), show(SEVERITY_LABELS[each])) for each in Severity],
        channel=dict(choices.channel_options())[found.card.complaint.channel],
        opinion=opinion,
        measures=[views.measure_row(row, owner, now) for row, owner in opinion.measures] if opinion else [],
        chain=story.chain_steps(opinion.case, opinion.decisions) if opinion and opinion.case.round else [],
        told=[row for row in found.tellings if row[0].clock_id == found.card.clock.id],
        channels=dict(choices.channel_options()),
        satisfaction=show(SATISFACTION[found.card.complaint.satisfaction]) if found.card.complaint.satisfaction else "",
        printed_by=actor.name,
        now=now,
        back_url=url_for("complaints.detail", complaint_id=complaint_id),
    )


@bp.get(f"{ONE}/receipt")
@reads("complaint.read")
def receipt(*, session: Session, actor: Actor, now: datetime, complaint_id: int) -> str:
    """What the customer is given at once: number, time, until when we answer."""
    found = whole_service.whole(session, actor, complaint_id, now)
    return render_template(
        "complaints/receipt.html",
        found=found,
        complaint=found.card.complaint,
        clock=found.clocks[0][0],
        product=views.product_name(found.card.product),
        severity=views.severity_badge(found.clocks[0][0].severity),
        channels=dict(choices.channel_options()),
        back_url=url_for("complaints.detail", complaint_id=complaint_id),
    )
