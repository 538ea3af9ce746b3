"""Writing an application: begin, save as one goes, give up, begin again from an old one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common import approvals, audit, files, lookup
from tierflow.common.approvals import ApprovalCase, ApprovalSeat
from tierflow.common.audit import AuditEntry
from tierflow.common.db import in_force
from tierflow.common.numbering import next_number
from tierflow.common.reference import ProductLine, Region
from tierflow.common.users import User
from tierflow.kernel import approval
from tierflow.kernel.approval import SUBMIT_SEAT, State
from tierflow.kernel.errors import Conflict, Invalid, NotFound, Refusal, Refused
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Role, require
from tierflow.kernel.text import Text, text
from tierflow.onboarding.models import Application, ApplicationLine, EntryCheck, Paper
from tierflow.onboarding.rules import entry
from tierflow.onboarding.rules.chain import ACCOUNT_OPENING
from tierflow.onboarding.service import particulars
from tierflow.onboarding.service.access import SUBJECT, case_of, editing, for_manager, get_visible

# Keys of `data` that are not columns of the application.
LISTS = ("lines", "checks")


def create_draft(
    session: Session,
    actor: Actor,
    now: datetime,
    data: Mapping[str, Any] | None = None,
    *,
    copy_of: int | None = None,
) -> Application:
    """A new application of the actor's, numbered; `copy_of` an ended one brings over all it had."""
    require(actor, "application.write")
    day = local_day(now)
    data = dict(data or {})
    manager_id = _account_manager(actor, data.pop("account_manager_id", None))
    source = _ended(session, actor, copy_of) if copy_of is not None else None
    application = Application(
        number=f"KH-{day.year}-{next_number(session, f'application/{day.year}'):05d}",
        account_manager_id=manager_id,
        submitter_id=actor.user_id,
        copied_from_id=copy_of,
        created_at=now,
        updated_at=now,
        updated_by_id=actor.user_id,
    )
    session.add(application)
    session.flush()
    actor = for_manager(actor, application)
    case = approvals.open_case(
        session, ACCOUNT_OPENING, (SUBJECT, application.id), application.number, None, actor, now
    )
    _keep_seat(session, case, manager_id, actor)
    copied = {"copied_from": source.number} if source is not None else {}
    audit.record(session, actor, "application.create", SUBJECT, application.id, now, after=copied)
    if source is not None:
        _copy(session, source, application, actor, now)
    _change(session, application, data, actor, now, version=application.version)
    _settle(session, application, case)
    return application


def _keep_seat(session: Session, case: ApprovalCase, manager_id: int, actor: Actor) -> None:
    """Whoever stands in writes for the account manager: a return goes to that account, neither decides on it."""
    case.submitter_id = manager_id
    manager = session.get_one(User, manager_id)
    if manager.person_id != actor.person_id:
        session.add(ApprovalSeat(case_id=case.id, person_id=manager.person_id, step=SUBMIT_SEAT))


def save_draft(
    session: Session,
    actor: Actor,
    application_id: int,
    data: Mapping[str, Any],
    now: datetime,
    *,
    seen_version: int,
) -> Application:
    """Save what is there, complete or not. Wrong values are refused at their field; a key that is absent stays.

    A save that changes nothing changes nothing. Raises `Invalid`, `Conflict` (says who changed what meanwhile).
    """
    application, case = editing(session, actor, application_id)
    actor = for_manager(actor, application)
    seen_is_stale = application.version != seen_version
    if _change(session, application, data, actor, now, version=application.version + 1):
        if seen_is_stale:
            raise _stale(session, application, seen_version)
        approvals.take_pen(session, case, actor)
        application.version += 1
        application.updated_at, application.updated_by_id = now, actor.user_id
        _settle(session, application, case)
    return application


def discard(session: Session, actor: Actor, application_id: int, now: datetime, *, reason: str = "") -> Application:
    """Give the application up; it stays readable and can be copied."""
    application, case = editing(session, actor, application_id)
    actor = for_manager(actor, application)
    approvals.discard(session, case, actor, now, seen_version=case.version, reason=reason)
    return application


def stale_version(session: Session, application: Application, seen_version: int) -> Conflict | None:
    """The conflict to raise when the page was older than the application."""
    return None if application.version == seen_version else _stale(session, application, seen_version)


def _account_manager(actor: Actor, wanted: int | None) -> int:
    mine = actor.user_ids_as(Role.ACCOUNT_MANAGER)
    if wanted is None:
        return actor.user_id if actor.user_id in mine else min(mine)
    if wanted not in mine:
        raise Invalid({"account_manager_id": [text("Choose one of the list.")]})
    return wanted


def _change(
    session: Session, application: Application, data: Mapping[str, Any], actor: Actor, now: datetime, *, version: int
) -> bool:
    """Write what differs, and note it. Whether anything did."""
    day = local_day(now)
    columns = particulars.read(data)
    if columns.get("region_id") is not None and not _region_exists(session, columns["region_id"], day):
        raise Invalid({"region_id": [text("Choose one of the list.")]})
    before = {field: getattr(application, field) for field in columns}
    for field, value in columns.items():
        setattr(application, field, value)
    old, new = audit.changes(before, columns)
    if "lines" in data:
        _merge(old, new, "lines", _set_lines(session, application, data["lines"] or [], day))
    if "checks" in data:
        _merge(old, new, "checks", _set_checks(session, application, data["checks"] or []))
    if not new:
        return False
    audit.record(
        session,
        actor,
        "application.save",
        SUBJECT,
        application.id,
        now,
        before=old,
        after={**new, "version": version},
    )
    return True


def _merge(old: dict[str, Any], new: dict[str, Any], key: str, change: tuple[Any, Any] | None) -> None:
    if change is not None:
        old[key], new[key] = change


def _region_exists(session: Session, region_id: int, on: date) -> bool:
    found = select(Region.id).where(Region.id == region_id, in_force(Region.from_on, Region.to_on, on))
    return session.scalar(found) is not None


def _set_lines(
    session: Session, application: Application, rows: Sequence[Mapping[str, Any]], on: date
) -> tuple[dict[str, str], dict[str, str]] | None:
    """Make the lines asked for those given; before and after when they differ."""
    wanted = _read_lines(session, rows, on)
    present = {row.product_line_id: row for row in lines_of(session, application.id)}
    for line_id, row in present.items():
        if row.struck_at is not None and wanted.get(line_id) != row.customer_class:
            reason = text("A line that was struck stays as it is; ask for it again in an application of its own.")
            raise Refused(Refusal("CHEM-7.2", reason, "lines"))
    before = {str(line_id): row.customer_class for line_id, row in present.items()}
    after = {str(line_id): name for line_id, name in wanted.items()}
    if before == after:
        return None
    for line_id, row in present.items():
        if line_id not in wanted:
            session.delete(row)
    for line_id, name in wanted.items():
        if line_id in present:
            present[line_id].customer_class = name
        else:
            session.add(ApplicationLine(application_id=application.id, product_line_id=line_id, customer_class=name))
    session.flush()
    return before, after


def _read_lines(session: Session, rows: Sequence[Mapping[str, Any]], on: date) -> dict[int, str]:
    ids = {row["product_line_id"] for row in rows}
    offered = {
        line.id: line
        for line in session.scalars(
            select(ProductLine).where(ProductLine.id.in_(ids), in_force(ProductLine.from_on, ProductLine.to_on, on))
        )
    }
    wanted: dict[int, str] = {}
    errors: dict[int, dict[str, list[Text]]] = {}
    for place, row in enumerate(rows):
        line, name = offered.get(row["product_line_id"]), row["customer_class"]
        if line is None:
            errors[place] = {"product_line_id": [text("Choose one of the list.")]}
        elif line.id in wanted:
            errors[place] = {"product_line_id": [text("Each product line once.")]}
        elif name not in entry.CLASSES_OF_SCHEME[line.scheme]:
            kind = Text(entry.CLASS_LABELS[name])
            errors[place] = {"customer_class": [text("%(line)s has no class “%(kind)s”.", line=line.name, kind=kind)]}
        else:
            wanted[line.id] = name
    if errors:
        raise Invalid({"lines": errors})
    return wanted


def _set_checks(
    session: Session, application: Application, rows: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Write the given answers; those not given stay. Before and after of what differs."""
    errors = {
        place: {"item": [text("Choose one of the list.")]}
        for place, row in enumerate(rows)
        if entry.condition(row["customer_class"], row["item"]) is None
    }
    if errors:
        raise Invalid({"checks": errors})
    present = {(row.customer_class, row.item): row for row in checks_of(session, application.id)}
    before, after = {}, {}
    for row in rows:
        key = (row["customer_class"], row["item"])
        check = present.get(key)
        if check is None:
            check = EntryCheck(
                application_id=application.id, customer_class=key[0], item=key[1], answer="", evidence=""
            )
        new = {name: row[name] or "" for name in ("answer", "evidence") if name in row}
        old = {name: getattr(check, name) for name in new}
        if old == new:
            continue
        for name, value in new.items():
            setattr(check, name, value)
        session.add(check)
        present[key] = check
        before[".".join(key)], after[".".join(key)] = old, new
    session.flush()
    return (before, after) if after else None


def lines_of(session: Session, application_id: int) -> list[ApplicationLine]:
    """The lines asked for."""
    query = select(ApplicationLine).where(ApplicationLine.application_id == application_id)
    return list(session.scalars(query.order_by(ApplicationLine.product_line_id)))


def checks_of(session: Session, application_id: int) -> list[EntryCheck]:
    """The entry conditions answered so far."""
    query = select(EntryCheck).where(EntryCheck.application_id == application_id)
    return list(session.scalars(query.order_by(EntryCheck.customer_class, EntryCheck.item)))


def papers_of(session: Session, application_id: int) -> list[Paper]:
    """The papers of an application."""
    return list(session.scalars(select(Paper).where(Paper.application_id == application_id).order_by(Paper.kind)))


def _settle(session: Session, application: Application, case: ApprovalCase) -> None:
    """What follows from the particulars: the case's title and region, and what the search box finds."""
    case.title = f"{application.number} {application.name}".strip()
    case.region_id = application.region_id
    code = application.credit_code or application.organisation_code or ""
    lookup.index(
        session, (SUBJECT, application.id), [application.name], [application.number, code, application.phone_key]
    )
    session.flush()


def _stale(session: Session, application: Application, seen_version: int) -> Conflict:
    """Who changed what since the page was drawn, one refusal per field."""
    query = (
        select(AuditEntry)
        .where(AuditEntry.subject_type == SUBJECT, AuditEntry.subject_id == application.id)
        .order_by(AuditEntry.seq.desc())
        .limit(50)
    )
    found: dict[str, Refusal] = {}
    for row in session.scalars(query):
        if row.action != "application.save" or row.after.get("version", 0) <= seen_version:
            continue
        for field, value in row.after.items():
            if field not in ("version", "name_key", "phone_key", "account_key"):
                shown = value if isinstance(value, str) else ""
                reason = text("%(who)s changed this meanwhile: %(value)s", who=row.actor_name, value=shown)
                found.setdefault(field, Refusal("conflict", reason, field))
    general = Refusal("conflict", text("This page is older than the application; reload it to see the present state."))
    return Conflict((general, *found.values()))


def _ended(session: Session, actor: Actor, application_id: int) -> Application:
    source = get_visible(session, actor, application_id)
    if source.account_manager_id not in actor.user_ids_as(Role.ACCOUNT_MANAGER):
        raise NotFound
    if State(case_of(session, application_id).state) not in approval.ENDED - {State.APPROVED}:
        raise Conflict(Refusal("conflict", text("Only a rejected or discarded application is copied.")))
    return source


_COPIED = (*particulars.FIELDS, "name_key", "phone_key", "account_key")


def _copy(session: Session, source: Application, target: Application, actor: Actor, now: datetime) -> None:
    """Bring over particulars, lines, answers and papers; the scans are kept under the new application as well."""
    for field in _COPIED:
        setattr(target, field, getattr(source, field))

    for line in lines_of(session, source.id):
        session.add(
            ApplicationLine(
                application_id=target.id, product_line_id=line.product_line_id, customer_class=line.customer_class
            )
        )
    copy_checks(session, source.id, target, actor, now)
    copy_papers(session, papers_of(session, source.id), target, actor, now)


def copy_checks(session: Session, source_id: int, target: Application, actor: Actor, now: datetime) -> None:
    """Bring over the answered entry conditions."""
    for check in checks_of(session, source_id):
        session.add(
            EntryCheck(
                application_id=target.id,
                customer_class=check.customer_class,
                item=check.item,
                answer=check.answer,
                evidence=check.evidence,
                file_id=_kept(session, check.file_id, target, actor, now) if check.file_id else None,
            )
        )
    session.flush()


def copy_papers(session: Session, papers: Sequence[Paper], target: Application, actor: Actor, now: datetime) -> None:
    """Bring over papers with their scans, which are kept under the new application as well."""
    for paper in papers:
        session.add(
            Paper(
                application_id=target.id,
                kind=paper.kind,
                number=paper.number,
                issuer=paper.issuer,
                valid_from=paper.valid_from,
                valid_to=paper.valid_to,
                is_long_term=paper.is_long_term,
                file_id=_kept(session, paper.file_id, target, actor, now),
                added_by_id=actor.user_id,
                added_at=now,
            )
        )
    session.flush()


def _kept(session: Session, file_id: int, target: Application, actor: Actor, now: datetime) -> int:
    old = session.get_one(files.StoredFile, file_id)
    content = files.content_of(session, old)
    return files.store(session, content, old.name, old.kind, (SUBJECT, target.id), actor.user_id, now).id
