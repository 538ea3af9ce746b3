"""A department's answer, a measure carried out and checked: for people who need not know complaints."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.complaints.pages import uploads, views
from tierflow.complaints.pages.blueprint import ROW_ID, bp
from tierflow.complaints.pages.deciding import told
from tierflow.complaints.schemas import given
from tierflow.complaints.service import answering, errands, handling, papers
from tierflow.kernel.errors import Refusal
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.web.access import reads, writes
from tierflow.web.files import inline
from tierflow.web.schemas import flat_errors, form_data, load

CONSULTATION = f"/complaint-consultations/<{ROW_ID}:consultation_id>"
MEASURE = f"/complaint-measures/<{ROW_ID}:measure_id>"


@bp.get(CONSULTATION)
@reads("consultation.read")
def consultation(*, session: Session, actor: Actor, now: datetime, consultation_id: int) -> str:
    """What the department is asked, with as much of the complaint as it takes to answer."""
    return _consultation(session, actor, now, consultation_id, {}, ())


def _consultation(
    session: Session,
    actor: Actor,
    now: datetime,
    consultation_id: int,
    errors: dict[str, Any],
    refusals: tuple[Refusal, ...],
) -> str:
    asked = errands.consultation(session, actor, consultation_id)
    return render_template(
        "complaints/consultation.html",
        asked=asked,
        complaint=asked.complaint,
        product=views.product_name(asked.product),
        severity=views.severity_badge(asked.complaint.severity),
        is_late=asked.row.answered_at is None and now > asked.row.due_at,
        may_answer=asked.row.answered_at is None and asked.row.lapsed_at is None and _speaks(session, actor, asked),
        files=views.photo_files(asked.files, lambda file_id: _consulted_file(consultation_id, file_id)),
        may_see=is_allowed(actor, "complaint.read"),
        typed=request.form.to_dict(),
        errors=errors,
        refusals=told(refusals),
    )


def _speaks(session: Session, actor: Actor, asked: errands.Asked) -> bool:
    return asked.row.department_id in set(session.scalars(handling.departments_of(actor)))


def _consulted_file(consultation_id: int, file_id: int) -> str:
    return url_for("complaints.consultation_file", consultation_id=consultation_id, file_id=file_id)


def _consultation_again(
    *, session: Session, actor: Actor, now: datetime, consultation_id: int, errors: Any, refusals: tuple[Refusal, ...]
) -> str:
    return _consultation(session, actor, now, consultation_id, flat_errors(errors), refusals)


@bp.post(f"{CONSULTATION}/answer")
@writes("consultation.write", on_invalid=_consultation_again)
def answer(*, session: Session, actor: Actor, now: datetime, consultation_id: int) -> BaseResponse:
    """The department's answer."""
    command = load(given.AnswerSchema(), form_data())
    handling.answer(session, actor, consultation_id, command, now, uploads=uploads.sent("papers"))
    flash(_("Your answer is with the complaint."), "ok")
    return redirect(url_for("home.inbox"))


@bp.get(f"{CONSULTATION}/files/<{ROW_ID}:file_id>")
@reads("consultation.read")
def consultation_file(*, session: Session, actor: Actor, now: datetime, consultation_id: int, file_id: int) -> Response:
    """A photo of the complaint the department is asked about."""
    asked = errands.consultation(session, actor, consultation_id)
    return inline(session, papers.of_complaint(session, asked.complaint.id, file_id))


@bp.get(MEASURE)
@reads("measure.read")
def measure(*, session: Session, actor: Actor, now: datetime, measure_id: int) -> str:
    """A measure: what is to be done, by when, and the proof."""
    return _measure(session, actor, now, measure_id, {}, ())


def _measure(
    session: Session,
    actor: Actor,
    now: datetime,
    measure_id: int,
    errors: dict[str, Any],
    refusals: tuple[Refusal, ...],
) -> str:
    errand = errands.measure(session, actor, measure_id)
    return render_template(
        "complaints/measure.html",
        errand=errand,
        complaint=errand.complaint,
        product=views.product_name(errand.product),
        row=views.measure_row(errand.row, errand.owner, now),
        severity=views.severity_badge(errand.complaint.severity),
        may_do=errand.row.agreed_at is not None and errand.row.done_at is None,
        may_check=errand.may_check and errand.row.done_at is not None and errand.row.checked_at is None,
        files=views.photo_files(errand.files, lambda file_id: _measure_file(measure_id, file_id)),
        may_see=is_allowed(actor, "complaint.read"),
        typed=request.form.to_dict(),
        errors=errors,
        refusals=told(refusals),
    )


def _measure_file(measure_id: int, file_id: int) -> str:
    return url_for("complaints.measure_file", measure_id=measure_id, file_id=file_id)


def _measure_again(
    *, session: Session, actor: Actor, now: datetime, measure_id: int, errors: Any, refusals: tuple[Refusal, ...]
) -> str:
    return _measure(session, actor, now, measure_id, flat_errors(errors), refusals)


@bp.post(f"{MEASURE}/done")
@writes("measure.write", on_invalid=_measure_again)
def measure_done(*, session: Session, actor: Actor, now: datetime, measure_id: int) -> BaseResponse:
    """It is done, and this proves it."""
    command = load(given.ProofSchema(), form_data())
    answering.complete(session, actor, measure_id, command, now, uploads=uploads.sent("papers"))
    flash(_("Reported as done; the sales manager checks it."), "ok")
    return redirect(url_for("home.inbox"))


@bp.post(f"{MEASURE}/check")
@writes("complaint.direct", on_invalid=_measure_again)
def measure_check(*, session: Session, actor: Actor, now: datetime, measure_id: int) -> BaseResponse:
    """The sales manager's check."""
    answering.check(session, actor, measure_id, load(given.CheckSchema(), form_data()), now)
    flash(_("Your check is recorded."), "ok")
    return redirect(url_for("home.inbox"))


@bp.get(f"{MEASURE}/files/<{ROW_ID}:file_id>")
@reads("measure.read")
def measure_file(*, session: Session, actor: Actor, now: datetime, measure_id: int, file_id: int) -> Response:
    """A photo of the complaint the measure belongs to."""
    errand = errands.measure(session, actor, measure_id)
    return inline(session, papers.of_complaint(session, errand.complaint.id, file_id))
