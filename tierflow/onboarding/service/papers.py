"""Papers and evidence: the scan, what is printed on it, and the file behind both, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common import approvals, audit, files, identifiers, uploads
from tierflow.common.approvals import ApprovalCase
from tierflow.common.files import StoredFile
from tierflow.common.identifiers import BadIdentifier
from tierflow.common.policies import policy_on
from tierflow.common.uploads import Upload
from tierflow.kernel.errors import Invalid, NotFound, Refusal, Refused
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text
from tierflow.onboarding.models import Application, EntryCheck, Paper
from tierflow.onboarding.rules import entry
from tierflow.onboarding.rules.papers import PAPER_LABELS, label, wrong_dates
from tierflow.onboarding.service.access import SUBJECT, editing, for_manager

PRINTED = ("number", "issuer", "valid_from", "valid_to", "is_long_term")


def add_paper(
    session: Session,
    actor: Actor,
    application_id: int,
    kind: str,
    upload: Upload,
    data: Mapping[str, Any],
    now: datetime,
) -> Paper:
    """A paper with its scan; what is printed on it may follow. One of each kind: Raises `Refused` for a second."""
    require(actor, "application.write")
    application, case = editing(session, actor, application_id)
    if kind not in PAPER_LABELS:
        raise Invalid({"kind": [text("Choose one of the list.")]})
    taken = select(Paper.id).where(Paper.application_id == application.id, Paper.kind == kind)
    if session.scalar(taken) is not None:
        raise Refused(
            Refusal("CHEM-7.1", text("The %(paper)s is there already; replace it.", paper=label(kind)), "kind")
        )
    paper = Paper(
        application_id=application.id,
        kind=kind,
        file_id=0,
        number="",
        issuer="",
        is_long_term=False,
        added_by_id=actor.user_id,
        added_at=now,
    )
    _print(paper, data, local_day(now))
    paper.file_id = _keep(session, application, upload, actor, now).id
    session.add(paper)
    session.flush()
    _note(session, actor, application, case, "paper.add", now, after={"kind": kind, **_printed(paper)})
    return paper


def change_paper(
    session: Session,
    actor: Actor,
    paper_id: int,
    data: Mapping[str, Any],
    now: datetime,
    *,
    upload: Upload | None = None,
) -> Paper:
    """Correct what is printed, and replace the scan when one is given. The old scan stays on file."""
    require(actor, "application.write")
    paper, application, case = _editable(session, actor, paper_id)
    before = _printed(paper)
    _print(paper, data, local_day(now))
    if upload is not None:
        paper.file_id = _keep(session, application, upload, actor, now).id
    old, new = audit.changes(before, _printed(paper))
    if new:
        kind = {"kind": paper.kind}
        _note(session, actor, application, case, "paper.change", now, before=old, after={**kind, **new})
    session.flush()
    return paper


def remove_paper(session: Session, actor: Actor, paper_id: int, now: datetime) -> None:
    """Take a paper off the application. Its scan stays on file, for the rounds that had it."""
    require(actor, "application.write")
    paper, application, case = _editable(session, actor, paper_id)
    gone = {"kind": paper.kind, **_printed(paper)}
    session.delete(paper)
    session.flush()
    _note(session, actor, application, case, "paper.remove", now, before=gone)


def attach_evidence(
    session: Session, actor: Actor, application_id: int, customer_class: str, item: str, upload: Upload, now: datetime
) -> EntryCheck:
    """A file as evidence for an entry condition."""
    require(actor, "application.write")
    application, case = editing(session, actor, application_id)
    if entry.condition(customer_class, item) is None:
        raise Invalid({"item": [text("Choose one of the list.")]})
    check = _check(session, application.id, customer_class, item)
    if check is None:
        check = EntryCheck(application_id=application.id, customer_class=customer_class, item=item)
        session.add(check)
    stored = _keep(session, application, upload, actor, now)
    if check.file_id != stored.id:
        check.file_id = stored.id
        what = {"check": f"{customer_class}.{item}", "file": stored.name}
        _note(session, actor, application, case, "evidence.attach", now, after=what)
    session.flush()
    return check


def remove_evidence(
    session: Session, actor: Actor, application_id: int, customer_class: str, item: str, now: datetime
) -> None:
    """Take the evidence file off an entry condition."""
    require(actor, "application.write")
    application, case = editing(session, actor, application_id)
    check = _check(session, application.id, customer_class, item)
    if check is None or check.file_id is None:
        raise NotFound
    check.file_id = None
    what = {"check": f"{customer_class}.{item}"}
    _note(session, actor, application, case, "evidence.remove", now, before=what)
    session.flush()


def _note(
    session: Session,
    actor: Actor,
    application: Application,
    case: ApprovalCase,
    act: str,
    now: datetime,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Who changed what of the application's papers: it is written down, and they do not decide on it."""
    approvals.take_pen(session, case, actor)
    actor = for_manager(actor, application)
    audit.record(session, actor, act, SUBJECT, application.id, now, before=before, after=after)


def _check(session: Session, application_id: int, customer_class: str, item: str) -> EntryCheck | None:
    return session.scalar(
        select(EntryCheck).where(
            EntryCheck.application_id == application_id,
            EntryCheck.customer_class == customer_class,
            EntryCheck.item == item,
        )
    )


def _editable(session: Session, actor: Actor, paper_id: int) -> tuple[Paper, Application, ApprovalCase]:
    paper = session.get(Paper, paper_id)
    if paper is None or paper.application_id is None:
        raise NotFound
    application, case = editing(session, actor, paper.application_id)
    session.refresh(paper)
    return paper, application, case


def _print(paper: Paper, data: Mapping[str, Any], on: date) -> None:
    """Write what is printed on the paper; wrong dates are refused at their field, missing ones wait."""
    for field in PRINTED:
        if field in data:
            value = data[field]
            setattr(paper, field, value if value is not None or field.startswith("valid") else _blank(field))
    wrong = wrong_dates(paper.valid_from, paper.valid_to, paper.is_long_term, on)
    errors = {field: [reason] for field, reason in wrong.items()}
    if paper.number:
        try:
            paper.number = _as_code(paper.kind, paper.number)
        except BadIdentifier as bad:
            errors["number"] = [bad.reason]
    if errors:
        raise Invalid(errors)


def _blank(field: str) -> Any:
    return False if field == "is_long_term" else ""


def _as_code(kind: str, number: str) -> str:
    """A number that should be the company's code, in the code's own writing. Raises `BadIdentifier`."""
    reader = {
        "merged_licence": identifiers.credit_code,
        "organisation_code_certificate": identifiers.organisation_code,
    }.get(kind)
    return number if reader is None else reader(number)


def _printed(paper: Paper) -> dict[str, Any]:
    return {
        "number": paper.number,
        "issuer": paper.issuer,
        "valid_from": paper.valid_from.isoformat() if paper.valid_from else None,
        "valid_to": paper.valid_to.isoformat() if paper.valid_to else None,
        "is_long_term": bool(paper.is_long_term),
        "file_id": paper.file_id,
    }


def _keep(session: Session, application: Application, upload: Upload, actor: Actor, now: datetime) -> StoredFile:
    """Examine and store an upload; the same file sent again to the same application is the one it has."""
    examined = uploads.examine(upload, policy_on(session, local_day(now)))
    same = session.scalar(
        select(StoredFile)
        .where(
            StoredFile.subject_type == SUBJECT,
            StoredFile.subject_id == application.id,
            StoredFile.sha256 == hashlib.sha256(examined.content).hexdigest(),
            StoredFile.name == examined.name,
        )
        .order_by(StoredFile.id)
        .limit(1)
    )
    if same is not None:
        return same
    subject = (SUBJECT, application.id)
    return files.store(session, examined.content, examined.name, examined.kind, subject, actor.user_id, now)
