"""JSON of what others do for a complaint: leaders decide, departments answer, owners carry measures out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.complaints.api import rows
from tierflow.complaints.api.complaints import ROW_ID
from tierflow.complaints.models import Complaint
from tierflow.complaints.schemas import given, shown
from tierflow.complaints.service import answering, errands, extensions, handling, opinions, papers, whole
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads, writes
from tierflow.web.files import inline
from tierflow.web.openapi import SCAN, api_blueprint

blp = api_blueprint("complaint_deciding", "Complaints: decisions, answers, measures")


@blp.route(f"/complaint-opinions/<{ROW_ID}:opinion_id>/decision", methods=["POST"])
@writes("complaint.decide")
@blp.arguments(given.LeaderVerdictSchema)
@blp.response(200, shown.ComplaintOut)
def decide_opinion(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, opinion_id: int) -> Any:
    """The leader's verdict on a handling opinion; in a serious case the general manager's, after the meeting."""
    opinion = opinions.decide(session, actor, opinion_id, data, now)
    return rows.whole(whole.whole(session, actor, opinion.complaint_id, now))


@blp.route(f"/complaint-extensions/<{ROW_ID}:extension_id>/decision", methods=["POST"])
@writes("complaint.decide")
@blp.arguments(given.ExtensionVerdictSchema)
@blp.response(200, shown.ComplaintOut)
def decide_extension(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, extension_id: int) -> Any:
    """A leader's verdict on more time; refused once the limit has passed."""
    extension = extensions.decide(session, actor, extension_id, data, now)
    return rows.whole(whole.whole(session, actor, extension.complaint_id, now))


@blp.route(f"/complaint-consultations/<{ROW_ID}:consultation_id>", methods=["GET"])
@reads("consultation.read")
@blp.response(200, shown.ConsultationPageOut)
def read_consultation(*, session: Session, actor: Actor, now: datetime, consultation_id: int) -> Any:
    """What your department is asked."""
    return _consultation(session, actor, consultation_id)


@blp.route(f"/complaint-consultations/<{ROW_ID}:consultation_id>/answer", methods=["POST"])
@writes("consultation.write")
@blp.arguments(given.AnswerSchema)
@blp.response(200, shown.ConsultationPageOut)
def answer_consultation(
    data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, consultation_id: int
) -> Any:
    """Your department's answer, once."""
    handling.answer(session, actor, consultation_id, data, now)
    return _consultation(session, actor, consultation_id)


def _consultation(session: Session, actor: Actor, consultation_id: int) -> dict[str, Any]:
    asked = errands.consultation(session, actor, consultation_id)
    complaint: Complaint = asked.complaint
    return {
        **rows.consultation(asked.row, asked.department, asked.asked_by, asked.answered_by),
        "complaint_id": complaint.id,
        "number": complaint.number,
        "product": asked.product.name,
        "batch": complaint.batch,
        "facts": complaint.facts,
    }


@blp.route(f"/complaint-measures/<{ROW_ID}:measure_id>", methods=["GET"])
@reads("measure.read")
@blp.response(200, shown.MeasureOut)
def read_measure(*, session: Session, actor: Actor, now: datetime, measure_id: int) -> Any:
    """A measure you own or look after."""
    errand = errands.measure(session, actor, measure_id)
    return rows.measure(errand.row, errand.owner)


@blp.route(f"/complaint-measures/<{ROW_ID}:measure_id>/done", methods=["POST"])
@writes("measure.write")
@blp.arguments(given.ProofSchema)
@blp.response(200, shown.MeasureOut)
def complete(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, measure_id: int) -> Any:
    """Report a measure as done, with the proof."""
    answering.complete(session, actor, measure_id, data, now)
    errand = errands.measure(session, actor, measure_id)
    return rows.measure(errand.row, errand.owner)


@blp.route(f"/complaint-measures/<{ROW_ID}:measure_id>/check", methods=["POST"])
@writes("complaint.direct")
@blp.arguments(given.CheckSchema)
@blp.response(200, shown.MeasureOut)
def check(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, measure_id: int) -> Any:
    """The sales manager's check: passed, or sent back with a remark."""
    answering.check(session, actor, measure_id, data, now)
    errand = errands.measure(session, actor, measure_id)
    return rows.measure(errand.row, errand.owner)


@blp.route(f"/complaint-consultations/<{ROW_ID}:consultation_id>/files/<{ROW_ID}:file_id>", methods=["GET"])
@reads("consultation.read")
@blp.doc(responses=SCAN)
def consultation_file(*, session: Session, actor: Actor, now: datetime, consultation_id: int, file_id: int) -> Any:
    """A photo of the complaint your department is asked about."""
    asked = errands.consultation(session, actor, consultation_id)
    return inline(session, papers.of_complaint(session, asked.complaint.id, file_id))


@blp.route(f"/complaint-measures/<{ROW_ID}:measure_id>/files/<{ROW_ID}:file_id>", methods=["GET"])
@reads("measure.read")
@blp.doc(responses=SCAN)
def measure_file(*, session: Session, actor: Actor, now: datetime, measure_id: int, file_id: int) -> Any:
    """A photo of the complaint the measure belongs to."""
    asked = errands.measure(session, actor, measure_id)
    return inline(session, papers.of_complaint(session, asked.complaint.id, file_id))
