"""The admission of an application: its facts gathered from the tables, previewed and replayed (CHEM-7.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Boolean, Date, Integer, ScalarSelect, Select, bindparam, case, func, select, type_coerce
from sqlalchemy.orm import Session

from tierflow.common import decisions, identifiers
from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.db import Id, in_force
from tierflow.common.decisions import DecisionRecord
from tierflow.common.identifiers import BadIdentifier
from tierflow.common.policies import policy_on
from tierflow.common.reference import ProductLine, Region
from tierflow.kernel.decisions import Decision
from tierflow.kernel.errors import NotFound
from tierflow.kernel.months import local_day
from tierflow.kernel.policy import Policy
from tierflow.kernel.roles import Actor, require
from tierflow.onboarding.models import Application, ApplicationLine, EntryCheck, Paper
from tierflow.onboarding.rules import admission as rule
from tierflow.onboarding.rules.admission import AdmissionFacts, CheckFact, LineFact
from tierflow.onboarding.rules.duplicates import Match
from tierflow.onboarding.rules.papers import PaperFact
from tierflow.onboarding.service import particulars
from tierflow.onboarding.service.access import SUBJECT, get_visible
from tierflow.onboarding.service.matching import Keys, matches_of
from tierflow.onboarding.service.papers import PRINTED

KIND = "admission"


def replay(inputs: dict[str, Any], policy: Policy) -> Decision:
    """Make a stored admission again, for `tierflow verify`."""
    return rule.admission(rule.from_json(inputs), policy)


decisions.replayed_by(KIND, replay)


@dataclass(frozen=True)
class Admission:
    """What the rule would decide, and what it saw."""

    decision: Decision
    facts: AdmissionFacts
    policy: Policy

    @property
    def matches(self) -> tuple[Match, ...]:
        """Duplicates and disqualified companies found."""
        return self.facts.matches

    @property
    def is_all_green(self) -> bool:
        """Whether nothing calls for a second look."""
        return rule.all_green(self.decision)


def preview_admission(session: Session, actor: Actor, application_id: int, now: datetime) -> Admission:
    """What would be decided if the application were handed in now; stores nothing."""
    return admission_of(session, actor, get_visible(session, actor, application_id), now)


def admission_of(
    session: Session, actor: Actor, application: Application, now: datetime, lines: Sequence[LineFact] | None = None
) -> Admission:
    """The admission of an application as it stands in the tables. `lines`: when they were read already."""
    on = local_day(now)
    policy = policy_on(session, on)
    facts = facts_of(session, actor, application, on, lines)
    return Admission(rule.admission(facts, policy), facts, policy)


def stored_admission(session: Session, actor: Actor, application_id: int, decision_id: int) -> DecisionRecord:
    """An admission as it was decided, with all the rule saw. Raises `NotFound`."""
    get_visible(session, actor, application_id)
    row = session.get(DecisionRecord, decision_id)
    if row is None or (row.subject_type, row.subject_id) != (SUBJECT, application_id):
        raise NotFound
    return row


def stored_admissions(session: Session, actor: Actor, application_id: int) -> Sequence[DecisionRecord]:
    """All admissions of an application as they were decided, the first first."""
    get_visible(session, actor, application_id)
    query = select(DecisionRecord).where(
        DecisionRecord.subject_type == SUBJECT,
        DecisionRecord.subject_id == application_id,
        DecisionRecord.kind == KIND,
    )
    return session.scalars(query.order_by(DecisionRecord.id)).all()


def preview_facts(session: Session, actor: Actor, data: Mapping[str, Any], now: datetime) -> Admission:
    """What would be decided on facts that are only typed in; stores nothing. "What would it take?" """
    require(actor, "application.read")
    on = local_day(now)
    policy = policy_on(session, on)
    columns = particulars.read(data)
    region = session.get(Region, columns["region_id"]) if columns.get("region_id") else None
    rows = [(row["product_line_id"], row["customer_class"], False) for row in data.get("lines") or []]
    facts = AdmissionFacts(
        on=on,
        **_typed(columns),
        region=region.code if region else "",
        lines=_line_facts(session, region.id if region else None, rows, on),
        checks=tuple(
            CheckFact(
                row["customer_class"],
                row["item"],
                row.get("answer") or "",
                bool(row.get("evidence")),
                bool(row.get("has_file")),
            )
            for row in data.get("checks") or []
        ),
        papers=tuple(
            _paper_fact(row, columns.get("credit_code"), columns.get("organisation_code"))
            for row in data.get("papers") or []
        ),
        matches=matches_of(session, actor, Keys.of(columns), None),
    )
    return Admission(rule.admission(facts, policy), facts, policy)


def facts_of(
    session: Session, actor: Actor, application: Application, on: date, lines: Sequence[LineFact] | None = None
) -> AdmissionFacts:
    """Everything the admission rule reads, from the tables. `lines`: when they were read already."""
    region = session.get(Region, application.region_id) if application.region_id else None
    columns = {field: getattr(application, field) for field in particulars.FIELDS}
    columns |= {key: getattr(application, key) for key in ("name_key", "phone_key", "account_key")}
    of_application = {"application_id": application.id}
    codes = (application.credit_code, application.organisation_code)
    return AdmissionFacts(
        on=on,
        **_typed(columns),
        region=region.code if region else "",
        lines=tuple(lines_asked(session, application.id, on) if lines is None else lines),
        checks=tuple(
            CheckFact(row.customer_class, row.item, row.answer, bool(row.evidence), row.file_id is not None)
            for row in session.execute(_CHECKS, of_application)
        ),
        papers=tuple(_paper_fact(row._asdict(), *codes) for row in session.execute(_PAPERS, of_application)),
        matches=matches_of(
            session, actor, Keys.of(columns), application.id, besides_customer=application.supplements_id
        ),
    )


_IN_FACTS = (
    "name",
    "credit_code",
    "organisation_code",
    "legal_representative",
    "address",
    "contact_name",
    "phone",
    "bank_name",
    "bank_account",
    "invoice_address",
    "invoice_phone",
    "readmission_reason",
)


def _typed(columns: Mapping[str, Any]) -> dict[str, Any]:
    typed = {field: columns.get(field) or "" for field in _IN_FACTS}
    account = typed["bank_account"]
    typed["account_is_plausible"] = not account or identifiers.bank_account(account).is_plausible
    typed["code_is_sound"] = _is_sound(typed["credit_code"], typed["organisation_code"])
    return typed


def _is_sound(credit_code: str, organisation_code: str) -> bool:
    try:
        if credit_code:
            return identifiers.organisation_code_within(identifiers.credit_code(credit_code)) == organisation_code
        return not organisation_code or bool(identifiers.organisation_code(organisation_code))
    except BadIdentifier:
        return False


def _paper_fact(row: Mapping[str, Any], credit_code: str | None, organisation_code: str | None) -> PaperFact:
    number = row.get("number") or ""
    names_code = None
    if row["kind"] == "merged_licence":
        names_code = number == credit_code
    elif row["kind"] == "organisation_code_certificate":
        names_code = number == organisation_code
    return PaperFact(
        kind=row["kind"],
        number=number,
        issuer=row.get("issuer") or "",
        valid_from=row.get("valid_from"),
        valid_to=row.get("valid_to"),
        is_long_term=bool(row.get("is_long_term")),
        has_file=bool(row.get("has_file", True)),
        names_code=names_code,
    )


def _line_facts(
    session: Session, region_id: int | None, rows: Sequence[tuple[int, str, bool]], on: date
) -> tuple[LineFact, ...]:
    ids = [line_id for line_id, _, _ in rows]
    if not ids:
        return ()
    offered = in_force(ProductLine.from_on, ProductLine.to_on, on)
    query = select(ProductLine, offered).where(ProductLine.id.in_(ids))
    found = {line.id: (line, bool(live)) for line, live in session.execute(query)}
    dealers = _dealers(
        session, region_id, [line_id for line_id, kind, gone in rows if kind == "dealer" and not gone], on
    )
    facts = []
    for line_id, customer_class, is_struck in rows:
        line, live = found.get(line_id, (None, False))
        facts.append(
            LineFact(
                product_line_id=line_id,
                name=line.name if line else str(line_id),
                scheme=line.scheme if line else "",
                customer_class=customer_class,
                in_force=live,
                dealers_in_region=dealers.get(line_id, 0),
                is_struck=is_struck,
            )
        )
    return tuple(facts)


def _dealers(session: Session, region_id: int | None, line_ids: Sequence[int], on: date) -> dict[int, int]:
    """How many dealers a region has of each line today, as far as is worth counting."""
    if region_id is None or not line_ids:
        return {}
    most = rule.dealers_worth_counting(policy_on(session, on))
    counts = [_dealers_counted(region_id, line_id, on, most).label(f"line_{line_id}") for line_id in line_ids]
    return dict(zip(line_ids, session.execute(select(*counts)).one(), strict=True))


def lines_asked(session: Session, application_id: int, on: date) -> tuple[LineFact, ...]:
    """The lines an application asks for, as the rules see them. One query."""
    most = rule.dealers_worth_counting(policy_on(session, on))
    asked = session.execute(_LINES, {"application_id": application_id, "on_day": on, "most": most})
    return tuple(LineFact(**row._asdict()) for row in asked)


def _dealers_counted(region_id: Any, line_id: Any, on: Any, most: Any) -> ScalarSelect[int]:
    some = (
        select(CustomerLine.customer_id)
        .join(Customer, Customer.id == CustomerLine.customer_id)
        .where(
            Customer.region_id == region_id,
            CustomerLine.product_line_id == line_id,
            CustomerLine.customer_class == "dealer",
            in_force(CustomerLine.from_on, CustomerLine.to_on, on),
        )
        .correlate(Application, ApplicationLine)
        .limit(most)
    )
    return select(func.count()).select_from(some.subquery()).scalar_subquery()


def _asked() -> Select[Any]:
    line: Any = ApplicationLine.__table__
    product: Any = ProductLine.__table__
    application: Any = Application.__table__
    on = bindparam("on_day", type_=Date())
    is_wanted = (line.c["class"] == "dealer") & line.c.struck_at.is_(None)
    dealers = _dealers_counted(application.c.region_id, line.c.product_line_id, on, bindparam("most", type_=Integer()))
    return (
        select(
            line.c.product_line_id,
            product.c.name,
            product.c.scheme,
            line.c["class"].label("customer_class"),
            type_coerce(in_force(product.c.from_on, product.c.to_on, on), Boolean()).label("in_force"),
            case((is_wanted, dealers), else_=0).label("dealers_in_region"),
            type_coerce(line.c.struck_at.is_not(None), Boolean()).label("is_struck"),
        )
        .join_from(line, application, application.c.id == line.c.application_id)
        .join(product, product.c.id == line.c.product_line_id)
        .where(line.c.application_id == _APPLICATION_ID)
        .order_by(line.c.product_line_id)
    )


# Written once and by the tables: an admission is decided with every approval, and asks six times.
_APPLICATION_ID = bindparam("application_id", type_=Id)
_LINES = _asked()
_CHECK: Any = EntryCheck.__table__
_CHECKS = (
    select(
        _CHECK.c["class"].label("customer_class"), _CHECK.c.item, _CHECK.c.answer, _CHECK.c.evidence, _CHECK.c.file_id
    )
    .where(_CHECK.c.application_id == _APPLICATION_ID)
    .order_by(_CHECK.c["class"], _CHECK.c.item)
)
_PAPER: Any = Paper.__table__
_PAPERS = (
    select(_PAPER.c.kind, *(_PAPER.c[name] for name in PRINTED))
    .where(_PAPER.c.application_id == _APPLICATION_ID)
    .order_by(_PAPER.c.kind)
)
