"""Reading applications: one whole, a list, the queue, its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy.orm import Session, aliased

from tierflow.common import approvals
from tierflow.common.approvals import ApprovalCase, ApprovalDecision, ApprovalRound, AskedOpinion
from tierflow.common.audit import AuditEntry
from tierflow.common.customers import Customer
from tierflow.common.decisions import DecisionRecord
from tierflow.common.files import StoredFile
from tierflow.common.reference import ProductLine, Region
from tierflow.common.users import User
from tierflow.kernel.approval import ENDED, SUBMIT_SEAT, State, Verdict
from tierflow.kernel.approval import Case as Facts
from tierflow.kernel.errors import NotFound, Refusal
from tierflow.kernel.roles import Actor, Role, is_allowed, require
from tierflow.onboarding.models import Application, ApplicationLine, EntryCheck, Paper
from tierflow.onboarding.rules import chain
from tierflow.onboarding.rules.chain import Given, Item
from tierflow.onboarding.rules.changes import Change, changes, examined_by
from tierflow.onboarding.rules.entry import Condition, conditions_for
from tierflow.onboarding.rules.papers import PAPER_LABELS
from tierflow.onboarding.service.access import SUBJECT, case_of, may_edit, readable
from tierflow.onboarding.service.admitting import KIND
from tierflow.web.paging import most, once


class DecisionSeen(NamedTuple):
    """A verdict, who gave it, and in whose name."""

    decision: ApprovalDecision
    user: User
    principal: User | None


class AskedLine(NamedTuple):
    """A line asked for, and what it is."""

    line: ApplicationLine
    product_line: ProductLine


class ScannedPaper(NamedTuple):
    """A paper and its scan."""

    paper: Paper
    file: StoredFile


class OpinionSeen(NamedTuple):
    """An opinion asked, of whom, and who gave it; None where that is awaited, or was not written down yet."""

    opinion: AskedOpinion
    user: User
    answered_by: User | None

    @property
    def voices(self) -> tuple[str, str | None]:
        """Whose words they are, and in whose name where a stand-in spoke."""
        if self.answered_by is None or self.answered_by.id == self.user.id:
            return self.user.name, None
        return self.answered_by.name, self.user.name


@dataclass(frozen=True)
class CheckRow:
    """An entry condition asked for, with its answer so far."""

    customer_class: str
    condition: Condition
    check: EntryCheck | None
    file: StoredFile | None


@dataclass(frozen=True)
class Abilities:
    """What the reader can do with the application now. `decide_refusals` says why not, when the step is theirs."""

    edit: bool
    withdraw: bool
    copy: bool
    decide: bool
    ask: bool
    decide_refusals: tuple[Refusal, ...]


@dataclass(frozen=True)
class ApplicationView:
    """Everything a page about one application shows.

    `items` are those of the waiting step; `changes` what changed since that step (or, while it is being corrected,
    the round before) last saw it; `returned` why fields came back.
    """

    application: Application
    case: ApprovalCase
    region: Region | None
    account_manager: User
    submitter: User
    customer: Customer | None
    copied_from: Application | None
    lines: Sequence[AskedLine]
    checks: Sequence[CheckRow]
    papers: Sequence[ScannedPaper]
    decisions: Sequence[DecisionSeen]
    opinions: Sequence[OpinionSeen]
    rounds: Sequence[ApprovalRound]
    items: Sequence[Item]
    changes: Sequence[Change]
    returned: Mapping[str, str]
    admission: DecisionRecord | None
    facts: Facts
    may: Abilities


def view(session: Session, actor: Actor, application_id: int) -> ApplicationView:
    """One application whole, in a fixed number of queries."""
    require(actor, "application.read")
    around = _around(session, actor, application_id)
    application, case = around.application, around.case
    lines = lines_with_names(session, application.id)
    decided = [DecisionSeen(*row) for row in approvals.decisions_of(session, case.id)]
    rounds = rounds_of(session, case.id)
    facts = approvals.facts_from(session, case, (row.decision for row in decided))
    return ApplicationView(
        application=application,
        case=case,
        region=around.region,
        account_manager=around.account_manager,
        submitter=around.submitter,
        customer=around.customer,
        copied_from=around.copied_from,
        lines=lines,
        checks=_checks(session, application, [row.line.customer_class for row in lines]),
        papers=papers_with_files(session, _IS_OF_APPLICATION, {"application_id": application.id}),
        decisions=decided,
        opinions=[OpinionSeen(*row) for row in approvals.opinions_of(session, case.id)],
        rounds=rounds,
        items=items_in(case.step, rounds[-1].content, lines) if case.step else (),
        changes=_changes_for(case, decided, rounds),
        returned=_returned(case, decided, rounds, lines),
        admission=latest_admission(session, application.id),
        facts=facts,
        may=_abilities(actor, application, case, facts),
    )


_IS_OF_APPLICATION = Paper.application_id == bindparam("application_id")


class _Around(NamedTuple):
    """One application and what it refers to."""

    application: Application
    case: ApprovalCase
    account_manager: User
    submitter: User
    region: Region | None
    customer: Customer | None
    copied_from: Application | None


def _around(session: Session, actor: Actor, application_id: int) -> _Around:
    row = session.execute(_seen_by(actor), {"application_id": application_id}).one_or_none()
    if row is None:
        raise NotFound
    return _Around(*row)


@once
def _seen_by(actor: Actor) -> Any:
    manager, submitter, source = aliased(User), aliased(User), aliased(Application)
    return (
        select(Application, ApprovalCase, manager, submitter, Region, Customer, source)
        .select_from(Application)
        .join(ApprovalCase, (ApprovalCase.subject_type == SUBJECT) & (ApprovalCase.subject_id == Application.id))
        .join(manager, manager.id == Application.account_manager_id)
        .join(submitter, submitter.id == Application.submitter_id)
        .outerjoin(Region, Region.id == Application.region_id)
        .outerjoin(Customer, Customer.id == Application.customer_id)
        .outerjoin(source, source.id == Application.copied_from_id)
        .where(Application.id == bindparam("application_id"), readable(actor))
    )


def items_in(step: str, content: Mapping[str, Any], lines: Sequence[AskedLine]) -> tuple[Item, ...]:
    """What a step must give a verdict on, of what was handed in; struck lines are left out."""
    left = {str(row.line.product_line_id) for row in lines if row.line.struck_at is None}
    kept = {line_id: asked for line_id, asked in content["lines"].items() if line_id in left}
    names = {row.product_line.id: row.product_line.name for row in lines}
    return chain.items_of(step, {**content, "lines": kept}, names)


def lines_with_names(session: Session, application_id: int) -> list[AskedLine]:
    """The lines asked for, with what they are."""
    rows = session.execute(_LINES, {"application_id": application_id})
    return [AskedLine(row.ApplicationLine, row.ProductLine) for row in rows]


_LINES = (
    select(ApplicationLine, ProductLine)
    .join(ProductLine, ProductLine.id == ApplicationLine.product_line_id)
    .where(ApplicationLine.application_id == bindparam("application_id"))
    .order_by(ProductLine.code)
)


def papers_with_files(
    session: Session, condition: ColumnElement[bool], given: dict[str, Any] | None = None
) -> list[ScannedPaper]:
    """Papers and their scans, in the order of the form. `given`: values of the condition's parameters."""
    order = {kind: place for place, kind in enumerate(PAPER_LABELS)}
    found = [ScannedPaper(row.Paper, row.StoredFile) for row in session.execute(_scanned(condition), given)]
    return sorted(found, key=lambda row: (order[row.paper.kind], row.paper.id))


@once
def _scanned(condition: ColumnElement[bool]) -> Any:
    return select(Paper, StoredFile).join(StoredFile, StoredFile.id == Paper.file_id).where(condition)


def _checks(session: Session, application: Application, classes: Sequence[str]) -> list[CheckRow]:
    rows = session.execute(_CHECKS, {"application_id": application.id})
    given = {(check.customer_class, check.item): (check, file) for check, file in rows}
    return [
        CheckRow(customer_class, condition, *given.get((customer_class, condition.item), (None, None)))
        for customer_class, condition in conditions_for(classes)
    ]


_CHECKS = (
    select(EntryCheck, StoredFile)
    .outerjoin(StoredFile, StoredFile.id == EntryCheck.file_id)
    .where(EntryCheck.application_id == bindparam("application_id"))
)


def rounds_of(session: Session, case_id: int) -> list[ApprovalRound]:
    """What was handed in, round by round."""
    return list(session.scalars(_ROUNDS, {"case_id": case_id}))


_ROUNDS = select(ApprovalRound).where(ApprovalRound.case_id == bindparam("case_id")).order_by(ApprovalRound.round)


def latest_admission(session: Session, application_id: int) -> DecisionRecord | None:
    """The admission as last decided, with its indicators."""
    return session.scalar(_ADMISSION, {"application_id": application_id})


_ADMISSION = (
    select(DecisionRecord)
    .where(
        DecisionRecord.subject_type == SUBJECT,
        DecisionRecord.subject_id == bindparam("application_id"),
        DecisionRecord.kind == KIND,
    )
    .order_by(DecisionRecord.id.desc())
    .limit(1)
)


def _changes_for(
    case: ApprovalCase, decided: Sequence[DecisionSeen], rounds: Sequence[ApprovalRound]
) -> tuple[Change, ...]:
    """What the waiting step has not seen yet: against the round it last decided on."""
    if case.step is None or len(rounds) < 2:
        return ()
    seen = [row.decision.round for row in decided if row.decision.step == case.step and row.decision.round < case.round]
    before = rounds[max(seen) - 1] if seen else None
    if before is None:
        return ()
    return examined_by(case.step, changes(before.content, rounds[-1].content))


def changes_since(session: Session, application_id: int, round_: int) -> tuple[Change, ...]:
    """What changed from a round to the latest one. Raises `NotFound` for a round that never was."""
    case = case_of(session, application_id)
    before = approvals.current_content(session, case, round_)
    return changes(before, approvals.current_content(session, case))


def _returned(
    case: ApprovalCase,
    decided: Sequence[DecisionSeen],
    rounds: Sequence[ApprovalRound],
    lines: Sequence[AskedLine],
) -> dict[str, str]:
    if case.state != State.RETURNED or not decided or decided[-1].decision.verdict != Verdict.RETURN:
        return {}
    last = decided[-1].decision
    return chain.returned_fields(items_in(last.step, rounds[-1].content, lines), [Given(**item) for item in last.items])


def _abilities(actor: Actor, application: Application, case: ApprovalCase, facts: Facts) -> Abilities:
    keeps = is_allowed(actor, "application.write") and application.account_manager_id in actor.user_ids_as(
        Role.ACCOUNT_MANAGER
    )
    in_approval = case.state == State.IN_APPROVAL
    seat = (facts.seats or {}).get(actor.person_id)
    found = approvals.capacity(actor, chain.ACCOUNT_OPENING, case, facts) if in_approval else None
    if not is_allowed(actor, "application.decide"):
        found = None
    return Abilities(
        edit=may_edit(actor, application, case),
        withdraw=keeps and in_approval and seat == SUBMIT_SEAT,
        copy=keeps and State(case.state) in ENDED - {State.APPROVED},
        decide=found is not None and not found[1],
        ask=in_approval and is_allowed(actor, "application.ask") and (seat is not None or found is not None),
        decide_refusals=found[1] if found is not None else (),
    )


def timeline(session: Session, application_id: int, limit: int = 200) -> list[AuditEntry]:
    """Every act on an application, newest first."""
    return list(session.scalars(_timeline(limit), {"application_id": application_id}))


@once
def _timeline(limit: int) -> Any:
    of_it = (AuditEntry.subject_type == SUBJECT) & (AuditEntry.subject_id == bindparam("application_id"))
    return select(AuditEntry).where(of_it).order_by(AuditEntry.seq.desc()).limit(most(limit))
