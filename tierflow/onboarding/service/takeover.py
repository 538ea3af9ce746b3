"""Taking over the customers a company already has (CHEM-3.3, CHEM-7.1): the import, set-based, and its way back.

A sales manager prepares the list; the general manager's word, as with every opening, makes them customers. Nobody's
customers become the importer's. A customer nothing else has touched can be taken back with its whole import.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, case, exists, func, insert, literal, select
from sqlalchemy.orm import Session, aliased

from tierflow.common import files, lookup
from tierflow.common.approvals import ApprovalCase
from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.db import UtcDateTime, among, insert_rows, is_sqlite
from tierflow.common.imports import Finding, ImportBatch, Importer, Row, by_row, register
from tierflow.common.imports.importer import Chunks
from tierflow.common.imports.service import SUBJECT as IMPORT
from tierflow.common.numbering import next_number
from tierflow.common.reference import lines_on, regions_on
from tierflow.common.runs import Warned
from tierflow.common.suspension import WARNED_TOPIC, PaperCover
from tierflow.common.users import User, holders
from tierflow.kernel.approval import EDITABLE, State
from tierflow.kernel.errors import Refusal, Refused
from tierflow.kernel.months import local_day
from tierflow.kernel.qualification import MERGED
from tierflow.kernel.roles import Actor, Role
from tierflow.kernel.text import Text, mark, text
from tierflow.onboarding.models import Application, Disqualified, DisqualifiedName, Paper, TakenOver
from tierflow.onboarding.rules.takeover import TAKEOVER, folded
from tierflow.onboarding.service.access import SUBJECT as APPLICATION
from tierflow.onboarding.service.creating import CUSTOMER
from tierflow.onboarding.service.scans import NO_SCAN_NAME
from tierflow.onboarding.service.takeover_rows import COLUMNS, Context, parse, tell
from tierflow.onboarding.service.taking_back import undo

CLAUSE = "CHEM-3.3"
KIND = "customers"

# Shown where a scan would be; a taken-over paper's scan is handed in later.
NO_SCAN = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 420 140]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj\n"
    b"4 0 obj<</Length 93>>stream\nBT /F 15 Tf 30 80 Td (Taken over from the company's own list.) Tj"
    b" 0 -28 Td (No scan on file yet.) Tj ET \nendstream endobj\n"
    b"5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)


def begin(session: Session, actor: Actor, now: datetime, makers: frozenset[int]) -> Context:
    """What the rows refer to: regions, account managers of today, product lines."""
    on = local_day(now)
    regions = regions_on(session, on)
    scopes = actor.scopes(Role.SALES_MANAGER)
    managers: dict[str, tuple[int, int] | None] = {}
    for user in holders(session, Role.ACCOUNT_MANAGER, on):
        for word in {folded(user.login), folded(user.name)}:
            managers[word] = None if word in managers else (user.id, user.person_id)
    for user in holders(session, Role.ACCOUNT_MANAGER, on):
        managers[folded(user.login)] = (user.id, user.person_id)  # a login is nobody else's
    lines: dict[str, tuple[int, str, str]] = {}
    for line in lines_on(session, on):
        for word in (line.code, line.name, line.name_en):
            lines[folded(word)] = (line.id, line.name, line.scheme)
    return Context(
        on=on,
        makers=makers,
        regions={folded(word): row.id for row in regions for word in (row.name, row.code)},
        own_regions=frozenset(scope for scope in scopes if scope is not None)
        if scopes and None not in scopes
        else None,
        managers=managers,
        lines=lines,
    )


def compare(session: Session, rows: Sequence[Row], _context: Context) -> None:
    """Against customers, open applications and the disqualified (CHEM-17): eight queries a chunk."""
    _customers(session, rows)
    _applications(session, rows)
    _disqualified(session, rows)


def _by(rows: Iterable[Row], key: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        if value := row.data.get(key):
            found.setdefault(value, []).append(row)
    return found


_KEYS: tuple[tuple[str, str], ...] = (
    ("credit_code", "credit_code"),
    ("organisation_code", "organisation_code"),
    ("name_key", "name"),
    ("phone_key", "phone"),
    ("account_key", "bank_account"),
)


def _here(field: str, number: str) -> Text:
    return {
        "name": text("A customer has this name: %(number)s.", number=number),
        "phone": text("A customer has this telephone: %(number)s.", number=number),
        "bank_account": text("A customer has this bank account: %(number)s.", number=number),
    }.get(field, text("This company is a customer already: %(number)s.", number=number))


def _customers(session: Session, rows: Sequence[Row]) -> None:
    for key, field in _KEYS:
        wanted = _by(rows, key)
        if not wanted:
            continue
        column = getattr(Customer, key)
        for value, number in session.execute(select(column, Customer.number).where(among(session, column, wanted))):
            severity: Any = "duplicate" if key.endswith("code") else "doubtful"
            for row in wanted[value]:
                if severity == "doubtful" or row.verdict != "duplicate":
                    row.findings.append(Finding(field, _here(field, number), severity))


def _applications(session: Session, rows: Sequence[Row]) -> None:
    wanted = _by(rows, "organisation_code")
    alive = [state.value for state in {State.IN_APPROVAL, *EDITABLE}]
    query = (
        select(Application.organisation_code, Application.number)
        .join(ApprovalCase, (ApprovalCase.subject_type == APPLICATION) & (ApprovalCase.subject_id == Application.id))
        .where(among(session, Application.organisation_code, wanted), ApprovalCase.state.in_(alive))
    )
    for code, number in session.execute(query):
        for row in wanted[code or ""]:
            reason = text("An application for this company is under way: %(number)s.", number=number)
            row.findings.append(Finding("credit_code", reason, "duplicate"))


def _disqualified(session: Session, rows: Sequence[Row]) -> None:
    """The same company under whatever name is kept out; its legal representative elsewhere wants a look."""
    live = Disqualified.readmitted_on.is_(None)
    for key in ("credit_code", "organisation_code"):
        wanted = _by(rows, key)
        column = getattr(Disqualified, key)
        for value, name in session.execute(
            select(column, Disqualified.name).where(among(session, column, wanted), live)
        ):
            for row in wanted[value or ""]:
                if (finding := Finding("credit_code", _listed(name))) not in row.findings:
                    row.findings.append(finding)
    wanted = _by(rows, "name_key")
    named = select(DisqualifiedName.name_key, Disqualified.name).join(Disqualified)
    for value, name in session.execute(named.where(among(session, DisqualifiedName.name_key, wanted), live)):
        for row in wanted[value]:
            row.findings.append(Finding("name", _listed(name)))
    wanted = _by(rows, "legal_representative")
    person = Disqualified.legal_representative
    for value, name in session.execute(select(person, Disqualified.name).where(among(session, person, wanted), live)):
        reason = text("Its legal representative is that of a disqualified company: %(label)s.", label=name)
        for row in wanted[value]:
            row.findings.append(Finding("legal_representative", reason, "doubtful"))


def _listed(name: str) -> Text:
    return text("This company is on the list of disqualified customers: %(label)s.", label=name)


_PLAIN = (
    "name",
    "name_key",
    "credit_code",
    "organisation_code",
    "legal_representative",
    "address",
    "contact_name",
    "phone",
    "phone_key",
    "bank_name",
    "bank_account",
    "account_key",
    "invoice_address",
    "invoice_phone",
    "region_id",
    "account_manager_id",
)


def apply(session: Session, batch: ImportBatch, chunks: Chunks, actor: Actor, now: datetime) -> dict[str, int]:
    """Make them customers, with lines and papers: a few statements a chunk. Raises `Refused` when facts changed."""
    on = local_day(now)
    wanted = batch.good + batch.doubtful
    number = next_number(session, CUSTOMER, count=wanted) - wanted
    placeholder = files.store(session, NO_SCAN, NO_SCAN_NAME, "pdf", (IMPORT, batch.id), actor.user_id, now)
    used: set[int] = set()
    tally = {"customers": 0, "lines": 0, "papers": 0}
    for chunk in chunks:
        first = tally["customers"]
        customers = [
            {
                "number": f"C{number + first + place:06d}",
                "needs_credit_code": data["credit_code"] is None,
                "approved_at": now,
                "approved_on": _day(data["since"]) or on,
                "version": 1,
                **{name: data[name] for name in _PLAIN},
            }
            for place, (_, data) in enumerate(chunk, start=1)
        ]
        ids = _inserted(session, customers)
        lines: list[dict[str, Any]] = []
        papers: list[dict[str, Any]] = []
        taken: list[dict[str, Any]] = []
        for place, ((row, data), customer) in enumerate(zip(chunk, customers, strict=True), start=1):
            customer_id = ids[customer["number"]]
            used.add(data["account_manager_id"])
            taken.append({"customer_id": customer_id, "batch_id": batch.id, "position": first + place, "row": row})
            lines += [
                {
                    "customer_id": customer_id,
                    "product_line_id": line_id,
                    "class": customer_class,
                    "from_on": customer["approved_on"],
                }
                for line_id, customer_class in data["lines"]
            ]
            papers += [
                {
                    "customer_id": customer_id,
                    "kind": kind,
                    "number": paper_number,
                    "issuer": issuer,
                    "valid_from": _day(valid_from),
                    "valid_to": _day(valid_to),
                    "is_long_term": for_good,
                    "file_id": placeholder.id,
                    "added_by_id": actor.user_id,
                    "added_at": now,
                }
                for kind, paper_number, issuer, valid_from, valid_to, for_good in data["papers"]
            ]
        for table, rows in ((CustomerLine, lines), (Paper, papers), (TakenOver, taken)):
            insert_rows(session, table, rows)
        tally["customers"] += len(chunk)
        tally["lines"] += len(lines)
        tally["papers"] += len(papers)
    _cover(session, batch, on, now)
    _refuse_changed(session, batch, used, on)
    return tally


def _cover(session: Session, batch: ImportBatch, on: date, now: datetime) -> None:
    """The days the papers are good for (CHEM-15), as `suspension.accept` has them, in one statement."""
    names, numbered = _own_ids(session)
    merged = aliased(Paper)
    has_merged = exists().where(merged.customer_id == Paper.customer_id, merged.kind == MERGED)
    run_out = func.coalesce(Paper.valid_from, Paper.valid_to)
    at = literal(now, UtcDateTime())
    rows = (
        select(
            *numbered,
            Paper.customer_id,
            Paper.kind,
            literal("paper"),
            Paper.id,
            case((Paper.valid_to < on, run_out), else_=literal(on, Date())),
            Paper.valid_to,
            at,
            case(((Paper.kind != MERGED) & has_merged, at), else_=None),
        )
        .join(TakenOver, TakenOver.customer_id == Paper.customer_id)
        .where(TakenOver.batch_id == batch.id)
    )
    columns = (
        *names,
        "customer_id",
        "kind",
        "source",
        "source_id",
        "counts_from",
        "valid_to",
        "accepted_at",
        "superseded_at",
    )
    session.execute(insert(PaperCover).from_select(columns, rows))


def _own_ids(session: Session) -> tuple[list[str], list[Any]]:
    """A name and a column for ids that nothing was warned of under.

    SQLite gives the ids of rows that are gone again, as after an import taken back; a warning given stays on record
    and would keep the next cover of that id from being warned of. A sequence does not go back.
    """
    if not is_sqlite(session):
        return [], []
    newest = session.scalar(select(func.max(PaperCover.id))) or 0
    warned = session.scalar(select(func.max(Warned.subject_id)).where(Warned.topic == WARNED_TOPIC)) or 0
    return ["id"], [literal(max(newest, warned)) + func.row_number().over(order_by=Paper.id)]


def _day(written: str | None) -> date | None:
    return date.fromisoformat(written) if written else None


def _inserted(session: Session, customers: list[dict[str, Any]]) -> Mapping[str, int]:
    before = session.scalar(select(func.max(Customer.id))) or 0
    insert_rows(session, Customer, customers)
    rows = session.execute(select(Customer.number, Customer.id).where(Customer.id > before))
    return {row.number: row.id for row in rows}


def _refuse_changed(session: Session, batch: ImportBatch, managers: set[int], on: date) -> None:
    """What was checked may be true no longer: look again, in the transaction that has written, a join each.

    Codes that became a customer's meanwhile the unique keys refuse.
    """
    ours = (
        select(Customer.name)
        .join(TakenOver, TakenOver.customer_id == Customer.id)
        .where(TakenOver.batch_id == batch.id)
    )
    live = Disqualified.readmitted_on.is_(None)
    alive = [state.value for state in {State.IN_APPROVAL, *EDITABLE}]
    queries = (
        ours.join(Disqualified, Disqualified.credit_code == Customer.credit_code).where(live),
        ours.join(Disqualified, Disqualified.organisation_code == Customer.organisation_code).where(live),
        ours.join(DisqualifiedName, DisqualifiedName.name_key == Customer.name_key).join(Disqualified).where(live),
        ours.join(Application, Application.organisation_code == Customer.organisation_code)
        .join(ApprovalCase, (ApprovalCase.subject_type == APPLICATION) & (ApprovalCase.subject_id == Application.id))
        .where(ApprovalCase.state.in_(alive)),
    )
    gone = managers - {user.id for user in holders(session, Role.ACCOUNT_MANAGER, on)}
    changed = [name for query in queries if (name := session.scalar(query.limit(1))) is not None]
    changed += [session.get_one(User, user_id).name for user_id in sorted(gone)]
    if changed:
        reason = text("%(name)s is no longer as it was when checked; the rows are checked again.", name=changed[0])
        raise Refused(Refusal(CLAUSE, reason))


def settle(session: Session, batch: ImportBatch, limit: int) -> int:
    """Write the search keys of the next customers; returns how many."""
    rows = session.execute(
        select(Customer)
        .join(TakenOver, TakenOver.customer_id == Customer.id)
        .where(TakenOver.batch_id == batch.id, TakenOver.position > batch.settled)
        .order_by(TakenOver.position)
        .limit(limit)
    ).scalars()
    found = [
        (row.id, row.name, (row.number, row.credit_code or row.organisation_code or "", row.phone_key)) for row in rows
    ]
    lookup.index_new(session, CUSTOMER, found)
    return len(found)


def taken_over(session: Session, customer_id: int) -> tuple[TakenOver, ImportBatch, User] | None:
    """With which import a customer came, and who approved it."""
    row = session.execute(
        select(TakenOver, ImportBatch, User)
        .join(ImportBatch, ImportBatch.id == TakenOver.batch_id)
        .join(User, User.id == ImportBatch.applied_by_id)
        .where(TakenOver.customer_id == customer_id)
    ).one_or_none()
    return (row[0], row[1], row[2]) if row is not None else None


CUSTOMERS = register(
    Importer(
        kind=KIND,
        title=mark("Take over customers"),
        action="takeover.write",
        apply_action="takeover.decide",
        chain=TAKEOVER,
        promise=mark("Each becomes a customer of the account manager named in its row."),
        columns=COLUMNS,
        begin=begin,
        parse=by_row(parse),
        compare=compare,
        apply=apply,
        settle=settle,
        undo=undo,
        tell=tell,
        by_region=True,
    )
)
