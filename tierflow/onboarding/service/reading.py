"""Reading applications: one whole, a list, the queue, its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import false, or_, select
from sqlalchemy.orm import Session, aliased

from tierflow.common import approvals, lookup
from tierflow.common.approvals import ApprovalCase, ApprovalDecision, ApprovalRound, AskedOpinion
from tierflow.common.audit import AuditEntry
from tierflow.common.customers import Customer
from tierflow.common.decisions import DecisionRecord
from tierflow.common.files import StoredFile
from tierflow.common.reference import ProductLine, Region
from tierflow.common.users import User
from tierflow.kernel.approval import EDITABLE, ENDED, SUBMIT_SEAT, State, Verdict
from tierflow.kernel.errors import Refusal
from tierflow.kernel.roles import Actor, Role, is_allowed, require
from tierflow.onboarding.models import Application, ApplicationLine, EntryCheck, Paper
from tierflow.onboarding.rules import chain
from tierflow.onboarding.rules.chain import Given, Item
from tierflow.onboarding.rules.changes import Change, changes, examined_by
from tierflow.onboarding.rules.entry import Condition, conditions_for
from tierflow.onboarding.rules.papers import PAPER_LABELS
from tierflow.onboarding.service.access import SUBJECT, case_of, get_visible, may_edit, visible
from tierflow.onboarding.service.admitting import KIND
from tierflow.onboarding.service.deciding import items_for
from tierflow.onboarding.service.drafts import checks_of
from tierflow.web.paging import Page, Sort, page_of


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
    """An opinion asked, and of whom."""

    opinion: AskedOpinion
    user: User


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
    may: Abilities


def view(session: Session, actor: Actor, application_id: int) -> ApplicationView:
    """One application whole, in a fixed number of queries."""
    application = get_visible(session, actor, application_id)
    case = case_of(session, application_id)
    lines = lines_with_names(session, application.id)
    decided = [DecisionSeen(*row) for row in approvals.decisions_of(session, case.id)]
    rounds = rounds_of(session, case.id)
    users = _users(session, {application.account_manager_id, application.submitter_id})
    return ApplicationView(
        application=application,
        case=case,
        region=session.get(Region, application.region_id) if application.region_id else None,
        account_manager=users[application.account_manager_id],
        submitter=users[application.submitter_id],
        customer=session.get(Customer, application.customer_id) if application.customer_id else None,
        copied_from=session.get(Application, application.copied_from_id) if application.copied_from_id else None,
        lines=lines,
        checks=_checks(session, application, [line.customer_class for line, _ in lines]),
        papers=papers_with_files(session, Paper.application_id == application.id),
        decisions=decided,
        opinions=[OpinionSeen(*row) for row in approvals.opinions_of(session, case.id)],
        rounds=rounds,
        items=items_for(session, case, case.step) if case.step else (),
        changes=_changes_for(case, decided, rounds),
        returned=_returned(session, case, decided),
        admission=latest_admission(session, application.id),
        may=_abilities(session, actor, application, case),
    )


def _users(session: Session, ids: set[int]) -> dict[int, User]:
    return {user.id: user for user in session.scalars(select(User).where(User.id.in_(ids)))}


def lines_with_names(session: Session, application_id: int) -> list[AskedLine]:
    """The lines asked for, with what they are."""
    rows = session.execute(
        select(ApplicationLine, ProductLine)
        .join(ProductLine, ProductLine.id == ApplicationLine.product_line_id)
        .where(ApplicationLine.application_id == application_id)
        .order_by(ProductLine.code)
    )
    return [AskedLine(row.ApplicationLine, row.ProductLine) for row in rows]


def papers_with_files(session: Session, condition: Any) -> list[ScannedPaper]:
    """Papers and their scans, in the order of the form."""
    rows = session.execute(select(Paper, StoredFile).join(StoredFile, StoredFile.id == Paper.file_id).where(condition))
    order = {kind: place for place, kind in enumerate(PAPER_LABELS)}
    found = [ScannedPaper(row.Paper, row.StoredFile) for row in rows]
    return sorted(found, key=lambda row: (order[row.paper.kind], row.paper.id))


def _checks(session: Session, application: Application, classes: Sequence[str]) -> list[CheckRow]:
    given = {(row.customer_class, row.item): row for row in checks_of(session, application.id)}
    ids = {row.file_id for row in given.values() if row.file_id}
    files = {row.id: row for row in session.scalars(select(StoredFile).where(StoredFile.id.in_(ids)))} if ids else {}
    found = []
    for customer_class, condition in conditions_for(classes):
        check = given.get((customer_class, condition.item))
        file = files.get(check.file_id) if check is not None and check.file_id else None
        found.append(CheckRow(customer_class, condition, check, file))
    return found


def rounds_of(session: Session, case_id: int) -> list[ApprovalRound]:
    """What was handed in, round by round."""
    return list(
        session.scalars(select(ApprovalRound).where(ApprovalRound.case_id == case_id).order_by(ApprovalRound.round))
    )


def latest_admission(session: Session, application_id: int) -> DecisionRecord | None:
    """The admission as last decided, with its indicators."""
    query = select(DecisionRecord).where(
        DecisionRecord.subject_type == SUBJECT,
        DecisionRecord.subject_id == application_id,
        DecisionRecord.kind == KIND,
    )
    return session.scalar(query.order_by(DecisionRecord.id.desc()).limit(1))


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


def _returned(session: Session, case: ApprovalCase, decided: Sequence[DecisionSeen]) -> dict[str, str]:
    if case.state != State.RETURNED or not decided or decided[-1].decision.verdict != Verdict.RETURN:
        return {}
    last = decided[-1].decision
    return chain.returned_fields(items_for(session, case, last.step), [Given(**item) for item in last.items])


def _abilities(session: Session, actor: Actor, application: Application, case: ApprovalCase) -> Abilities:
    keeps = is_allowed(actor, "application.write") and application.account_manager_id in actor.user_ids_as(
        Role.ACCOUNT_MANAGER
    )
    in_approval = case.state == State.IN_APPROVAL
    facts = approvals.facts_of(session, case)
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


@dataclass(frozen=True)
class Filters:
    """How the list of applications is narrowed; None: not at all. `q` is what the search box takes.

    `mine`: only what the actor must go on with: steps that wait for them, and their own drafts and returns.
    """

    state: str | None = None
    states: tuple[str, ...] | None = None
    mine: bool = False
    step: str | None = None
    region_id: int | None = None
    account_manager_id: int | None = None
    product_line_id: int | None = None
    customer_class: str | None = None
    over_quota: bool | None = None
    q: str | None = None


class ApplicationRow(NamedTuple):
    """One line of the list."""

    application: Application
    case: ApprovalCase
    account_manager: str
    region: str | None


def list_applications(
    session: Session, actor: Actor, filters: Filters, *, cursor: str | None = None, size: int = 30
) -> Page[ApplicationRow]:
    """The applications the actor may see, newest first, a page by key."""
    require(actor, "application.read")
    manager = aliased(User)
    query: Any = (
        select(Application, ApprovalCase, manager.name, Region.name)
        .join(ApprovalCase, (ApprovalCase.subject_type == SUBJECT) & (ApprovalCase.subject_id == Application.id))
        .join(manager, manager.id == Application.account_manager_id)
        .outerjoin(Region, Region.id == Application.region_id)
        .where(visible(actor), *_narrowed(filters, actor))
    )
    page = page_of(session, query, [Sort("id", Application.id, descending=True)], cursor=cursor, size=size)
    return Page([ApplicationRow(*row) for row in page.rows], page.after, page.before, page.size)


def waiting_all_green(session: Session, actor: Actor, limit: int = 100) -> list[ApplicationRow]:
    """The applications the actor can approve in bulk, most urgent first: theirs to decide, every check green."""
    require(actor, "application.decide")
    manager = aliased(User)
    query = (
        select(Application, ApprovalCase, manager.name, Region.name)
        .join(ApprovalCase, (ApprovalCase.subject_type == SUBJECT) & (ApprovalCase.subject_id == Application.id))
        .join(manager, manager.id == Application.account_manager_id)
        .outerjoin(Region, Region.id == Application.region_id)
        .where(or_(false(), *approvals.waiting_conditions(actor)), ApprovalCase.all_green.is_(True))
    )
    rows = session.execute(query.order_by(ApprovalCase.due_at, ApprovalCase.id).limit(limit))
    return [ApplicationRow(*row) for row in rows]


def lines_asked(
    session: Session, application_ids: Sequence[int]
) -> dict[int, list[tuple[ApplicationLine, ProductLine]]]:
    """The lines of several applications, for lists. One query."""
    found: dict[int, list[tuple[ApplicationLine, ProductLine]]] = {}
    rows = session.execute(
        select(ApplicationLine, ProductLine)
        .join(ProductLine, ProductLine.id == ApplicationLine.product_line_id)
        .where(ApplicationLine.application_id.in_(application_ids))
        .order_by(ProductLine.code)
    )
    for row in rows:
        found.setdefault(row.ApplicationLine.application_id, []).append((row.ApplicationLine, row.ProductLine))
    return found


def _narrowed(filters: Filters, actor: Actor) -> list[Any]:
    exact = {
        ApprovalCase.state: filters.state,
        ApprovalCase.step: filters.step,
        Application.region_id: filters.region_id,
        Application.account_manager_id: filters.account_manager_id,
        Application.over_quota: filters.over_quota,
    }
    conditions: list[Any] = [column == value for column, value in exact.items() if value is not None]
    if filters.states is not None:
        conditions.append(ApprovalCase.state.in_(filters.states))
    if filters.mine:
        kept = Application.account_manager_id.in_(actor.user_ids_as(Role.ACCOUNT_MANAGER))
        editable = ApprovalCase.state.in_([state.value for state in EDITABLE])
        conditions.append(or_(kept & editable, *approvals.waiting_conditions(actor)))
    if filters.product_line_id is not None or filters.customer_class is not None:
        asked = select(ApplicationLine.application_id)
        if filters.product_line_id is not None:
            asked = asked.where(ApplicationLine.product_line_id == filters.product_line_id)
        if filters.customer_class is not None:
            asked = asked.where(ApplicationLine.customer_class == filters.customer_class)
        conditions.append(Application.id.in_(asked))
    if filters.q and lookup.fold(filters.q):
        found: Any = lookup.matching(SUBJECT, filters.q)
        conditions.append(Application.id.in_(found))
    return conditions


def next_in_queue(session: Session, actor: Actor, after: int | None = None) -> int | None:
    """The application to decide next, most urgent first; after one still waiting, the one behind it, then around."""
    require(actor, "application.decide")
    conditions = [
        condition & (ApprovalCase.subject_type == SUBJECT) for condition in approvals.waiting_conditions(actor)
    ]
    here = session.scalar(
        select(ApprovalCase).where(ApprovalCase.subject_type == SUBJECT, ApprovalCase.subject_id == after)
    )
    places: list[Any] = [[]]
    if here is not None:
        behind = (ApprovalCase.due_at > here.due_at) | (
            (ApprovalCase.due_at == here.due_at) & (ApprovalCase.id > here.id)
        )
        places = [[behind], [ApprovalCase.id != here.id]]
        if here.state != State.IN_APPROVAL:
            places = places[1:]
    for place in places:
        found: list[ApprovalCase] = [
            row for condition in conditions if (row := session.scalar(_first(condition, place))) is not None
        ]
        if found:
            return min(found, key=lambda case: (case.due_at, case.id)).subject_id
    return None


def _first(condition: Any, place: Sequence[Any]) -> Any:
    query = select(ApprovalCase).where(condition, *place)
    return query.order_by(ApprovalCase.due_at, ApprovalCase.id).limit(1)


def timeline(session: Session, application_id: int, limit: int = 200) -> list[AuditEntry]:
    """Every act on an application, newest first."""
    query = select(AuditEntry).where(AuditEntry.subject_type == SUBJECT, AuditEntry.subject_id == application_id)
    return list(session.scalars(query.order_by(AuditEntry.seq.desc()).limit(limit)))
