"""An older list of disqualified companies, brought in by a spreadsheet (CHEM-17): the import, and its way back.

A sales manager prepares it; the general manager's word puts all of it on the list, and takes all of it off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from tierflow.common import identifiers
from tierflow.common.customers import Customer, name_key
from tierflow.common.db import among, insert_rows
from tierflow.common.identifiers import BadIdentifier
from tierflow.common.imports import Cells, Column, Finding, ImportBatch, Importer, Row, by_row, register
from tierflow.common.imports.importer import Chunks, Told
from tierflow.kernel.errors import Refusal, Refused
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import Text, mark, text
from tierflow.onboarding.models import Disqualified, DisqualifiedName, Listing
from tierflow.onboarding.rules.leaving import CLAUSE, GROUNDS, LISTS, read_ground, read_names
from tierflow.onboarding.rules.takeover import BadCell, read_day
from tierflow.onboarding.service.blacklist import EARLIEST

MOST = {"name": 100, "former_names": 500, "legal_representative": 60, "facts": 2000}

COLUMNS = (
    Column("name", mark("Company name"), ("客户名称", "企业名称", "公司名称", "单位名称", "名称"), required=True,
           sample="老黑名单某某有限公司"),
    Column("former_names", mark("Former names"), ("曾用名", "原名称"),
           hint=mark("Several are parted by semicolons."), sample="某某贸易公司；某某化工公司"),
    Column("credit_code", mark("Unified social credit code"), ("信用代码", "统一社会信用代码", "税号"), is_code=True,
           sample="91330200MA2AB12C35"),
    Column("organisation_code", mark("Organisation code"), ("组织机构代码",), is_code=True),
    Column("legal_representative", mark("Legal representative"), ("法定代表人", "法人代表", "法人"), sample="孙某"),
    Column("ground", mark("Ground"), ("取消资格原因", "原因类别", "类别", "事由"), required=True,
           hint=mark("Fraud, loss or law: false information or breach of faith, harm done, breach of law."),
           sample="失信"),
    Column("facts", mark("What happened"), ("情况说明", "事实", "说明", "备注"), required=True,
           sample="提供虚假营业执照"),
    Column("since", mark("Since"), ("列入日期", "取消日期", "日期"), required=True, sample="2019-05-20"),
)  # fmt: skip


def begin(_session: Session, _actor: Actor, now: datetime, _makers: frozenset[int]) -> date:
    """The day rows are read on."""
    return local_day(now)


def parse(number: int, cells: Cells, today: date) -> Row:
    """One row as columns of the list, with everything that is wrong in it."""
    row = Row(number, {})
    written = {key: "" if cells.get(key) is None else str(cells[key]).strip() for key in MOST}
    for key, most in MOST.items():
        if not written[key] and key in ("name", "facts"):
            row.findings.append(Finding(key, text("Please fill this in.")))
        elif len(written[key]) > most:
            row.findings.append(Finding(key, text("At most %(most)s characters.", most=most)))
        elif any(not c.isprintable() for c in written[key].replace("\n", "")):
            row.findings.append(Finding(key, text("This contains characters that cannot be shown.")))
    key = name_key(written["name"])
    if written["name"] and not key:
        row.findings.append(Finding("name", text("A company's name has letters or characters.")))
    codes = _codes(row, cells)
    ground = read_ground(str(cells.get("ground") or ""))
    if ground is None:
        row.findings.append(Finding("ground", text("Write fraud, loss or law.")))
    row.data = {
        "name": written["name"],
        "name_key": key,
        "former_names": read_names(written["former_names"], written["name"]),
        "legal_representative": written["legal_representative"],
        "ground": ground,
        "facts": written["facts"],
        "since": _since(row, cells, today),
        **codes,
    }
    if codes["organisation_code"]:  # a credit code carries one
        row.unique = {"credit_code": codes["organisation_code"]}
        row.likely = {"name": key}
    elif key:
        row.unique = {"name": key}
    return row


def _codes(row: Row, cells: Cells) -> dict[str, str | None]:
    codes: dict[str, str | None] = {}
    for key, reader in (("credit_code", identifiers.credit_code), ("organisation_code", identifiers.organisation_code)):
        codes[key] = None
        if (cell := cells.get(key)) is not None:
            try:
                codes[key] = reader(cell)
            except BadIdentifier as bad:
                row.findings.append(Finding(key, bad.reason))
    if credit := codes["credit_code"]:
        within = identifiers.organisation_code_within(credit)
        if codes["organisation_code"] not in (None, within):
            reason = text("This is not the organisation code within the credit code.")
            row.findings.append(Finding("organisation_code", reason))
        codes["organisation_code"] = within
    return codes


def _since(row: Row, cells: Cells, today: date) -> str | None:
    try:
        day = read_day(cells.get("since"))
        if day is None:
            raise BadCell(text("Please fill this in."))
        if not EARLIEST <= day <= today:
            raise BadCell(text("This day lies in the future.") if day > today else text("This day is too long ago."))
    except BadCell as bad:
        row.findings.append(Finding("since", bad.reason))
        return None
    return day.isoformat()


def compare(session: Session, rows: Sequence[Row], _today: date) -> None:
    """Against the list itself, and against customers: three queries a chunk."""
    by_code = _by(rows, "organisation_code")
    customers = select(Customer.organisation_code, Customer.number).where(
        among(session, Customer.organisation_code, by_code),
        Customer.disqualified_on.is_(None),  # else it is on the list, and told below
    )
    for code, number in session.execute(customers):
        reason = text("This company is a customer: %(number)s. Its own page disqualifies it.", number=number)
        for row in by_code[code or ""]:
            row.findings.append(Finding("credit_code", reason))
    live = Disqualified.readmitted_on.is_(None)
    listed = select(Disqualified.organisation_code, Disqualified.name)
    for code, name in session.execute(listed.where(among(session, Disqualified.organisation_code, by_code), live)):
        for row in by_code[code or ""]:
            row.findings.append(Finding("credit_code", _on_list(name), "duplicate"))
    by_name = _by([row for row in rows if row.verdict != "duplicate"], "name_key")
    named = select(DisqualifiedName.name_key, Disqualified.name, Disqualified.organisation_code).join(Disqualified)
    for key, name, code in session.execute(named.where(among(session, DisqualifiedName.name_key, by_name), live)):
        for row in by_name[key]:
            mine = row.data["organisation_code"]
            row.findings.append(Finding("name", _on_list(name), "doubtful" if mine and code else "duplicate"))


def _by(rows: Sequence[Row], key: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        if value := row.data.get(key):
            found.setdefault(value, []).append(row)
    return found


def _on_list(name: str) -> Any:
    return text("This company is on the list of disqualified customers: %(label)s.", label=name)


def tell(_session: Session, rows: Sequence[Mapping[str, Any]]) -> list[Told]:
    """Rows in words."""
    return [_told(row) for row in rows]


def _told(row: Mapping[str, Any]) -> Told:
    label = GROUNDS[row["ground"]]
    plain = ("name", "credit_code", "organisation_code", "legal_representative", "facts", "since")
    return {
        **{key: row[key] or "" for key in plain},
        "former_names": "；".join(row["former_names"]),
        "ground": Text(label),
    }


def apply(session: Session, batch: ImportBatch, chunks: Chunks, _actor: Actor, _now: datetime) -> dict[str, int]:
    """Put them on the list: two statements a chunk, two or three to look who is on it.

    Raises `Refused` when one became a customer meanwhile, or came on the list another way.
    """
    companies = 0
    for chunk in chunks:
        rows = [data for _number, data in chunk]
        _refuse_listed(session, batch, rows)
        plain = ("name", "credit_code", "organisation_code", "legal_representative", "ground")
        before = session.scalar(select(Disqualified.id).order_by(Disqualified.id.desc()).limit(1)) or 0
        insert_rows(
            session,
            Disqualified,
            [
                {
                    **{key: row[key] for key in plain},
                    "reason": row["facts"],
                    "since": date.fromisoformat(row["since"]),
                    "batch_id": batch.id,
                }
                for row in rows
            ],
        )
        query = select(Disqualified.id).where(Disqualified.batch_id == batch.id, Disqualified.id > before)
        ids = session.scalars(query.order_by(Disqualified.id)).all()
        insert_rows(
            session,
            DisqualifiedName,
            [
                {"disqualified_id": listed_id, "name": name, "name_key": name_key(name)}
                for listed_id, row in zip(ids, rows, strict=True)
                for name in dict.fromkeys([row["name"], *row["former_names"]])
            ],
        )
        companies += len(rows)
    ours = select(Customer.number).join(Disqualified, Disqualified.organisation_code == Customer.organisation_code)
    number = session.scalar(ours.where(Disqualified.batch_id == batch.id, Customer.disqualified_on.is_(None)).limit(1))
    if number is not None:
        reason = text("This company is a customer: %(number)s. Its own page disqualifies it.", number=number)
        raise Refused(Refusal(CLAUSE, reason))
    return {"companies": companies}


def _refuse_listed(session: Session, batch: ImportBatch, rows: Sequence[Mapping[str, Any]]) -> None:
    """Nobody of a chunk is on the list beside this import: by the code, or the name where either has none (`compare`).

    Asked by value, a table at a time: of what was written a moment ago there are no statistics, and PostgreSQL joins it
    the long way round.
    """
    beside = Disqualified.readmitted_on.is_(None), Disqualified.batch_id.is_distinct_from(batch.id)
    codes = [row["organisation_code"] for row in rows if row["organisation_code"]]
    by_code = select(Disqualified.name).where(among(session, Disqualified.organisation_code, codes), *beside)
    found = list(session.scalars(by_code))
    keys = {row["name_key"] for row in rows}
    bare = {row["name_key"] for row in rows if not row["organisation_code"]}
    named = select(DisqualifiedName.disqualified_id, DisqualifiedName.name_key)
    named = named.where(among(session, DisqualifiedName.name_key, keys))
    by_bare: dict[int, bool] = {}
    for listed_id, key in session.execute(named):
        by_bare[listed_id] = by_bare.get(listed_id, False) or key in bare
    if by_bare:
        listed = select(Disqualified.id, Disqualified.name, Disqualified.organisation_code)
        for listed_id, name, code in session.execute(listed.where(Disqualified.id.in_(by_bare), *beside)):
            if by_bare[listed_id] or not code:
                found.append(name)
    if found:
        raise Refused(Refusal(CLAUSE, _on_list(found[0])))


def undo(session: Session, batch: ImportBatch, _actor: Actor, now: datetime) -> dict[str, int]:
    """Take all of it off the list. Raises `Refused` when a company of it was readmitted, or is about to be."""
    named = select(Disqualified.name).where(Disqualified.batch_id == batch.id)
    name = session.scalar(named.where(Disqualified.readmitted_on.is_not(None)).limit(1))
    if name is not None:
        reason = text("%(name)s was taken off the list by itself; the import cannot be taken back.", name=name)
        raise Refused(Refusal(CLAUSE, reason))
    proposed = exists().where(Listing.disqualified_id == Disqualified.id)
    name = session.scalar(named.where(proposed.where(Listing.outcome.is_(None))).limit(1))
    if name is not None:
        reason = text("To take %(name)s off the list waits for the general manager; decide on that first.", name=name)
        raise Refused(Refusal(CLAUSE, reason))
    # What was proposed in vain is kept, and so is whom it was about: off the list, as by a decision.
    companies = session.scalar(select(func.count()).where(Disqualified.batch_id == batch.id)) or 0
    kept = update(Disqualified).where(Disqualified.batch_id == batch.id, proposed)
    session.execute(kept.values(readmitted_on=local_day(now)))
    gone = select(Disqualified.id).where(Disqualified.batch_id == batch.id, Disqualified.readmitted_on.is_(None))
    session.execute(delete(DisqualifiedName).where(DisqualifiedName.disqualified_id.in_(gone)))
    session.execute(delete(Disqualified).where(Disqualified.id.in_(gone)))
    return {"companies": companies}


OLDER_LIST = register(
    Importer(
        kind="disqualified",
        title=mark("Older list of the disqualified"),
        action="disqualification.write",
        apply_action="disqualification.decide",
        chain=LISTS,
        promise=mark("Each is checked from then on wherever an account is opened."),
        columns=COLUMNS,
        begin=begin,
        parse=by_row(parse),
        compare=compare,
        apply=apply,
        undo=undo,
        tell=tell,
    )
)
