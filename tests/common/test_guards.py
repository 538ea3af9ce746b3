"""The database is the last guard: append-only tables, unique keys, checks, foreign keys, seats, on both engines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import BigInteger, Connection, Engine, LargeBinary, Table, insert, select, text, update
from sqlalchemy import types as t
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from tests import builders
from tests.conftest import NOW
from tierflow.common import approvals
from tierflow.common.approvals import ApprovalCase, ApprovalDecision, ApprovalSeat
from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.db import Base, make_engine, transaction, write_access
from tierflow.common.files import FileContent, StoredFile
from tierflow.common.guards import _OWN_TRIGGERS, APPEND_ONLY
from tierflow.common.idempotency import IdempotencyKey
from tierflow.common.lookup import matching
from tierflow.common.numbering import Counter
from tierflow.common.policies import PolicyVersion
from tierflow.common.runs import Run
from tierflow.common.users import Delegation, RoleGrant
from tierflow.kernel.approval import SUBMIT_SEAT, Chain, Step
from tierflow.kernel.roles import Role

# Append-only tables --------------------------------------------------------------------------------


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def anything(column: Any) -> object:
    """A value of the column's type."""
    kinds: list[tuple[type, object]] = [
        (t.Boolean, True),
        (LargeBinary, b"x"),
        (t.JSON, {}),
        (t.String, "x"),
        (t.Integer, 1),
        (BigInteger, 1),
        (t.TypeDecorator, datetime(2026, 1, 1, tzinfo=UTC)),
        (t.DateTime, datetime(2026, 1, 1, tzinfo=UTC)),
        (t.Date, date(2026, 1, 1)),
    ]
    return next(value for kind, value in kinds if isinstance(column.type, kind))


def plant(connection: Connection, table: Table) -> dict[str, object]:
    """One row, whatever checks, foreign keys and guards on rows say: only what is append-only is on trial.

    Rolled back afterwards.
    """
    for ddl in _OWN_TRIGGERS[connection.dialect.name].values():
        named = re.match(r"\s*CREATE TRIGGER (\w+) (?:BEFORE|AFTER) .*? ON (\w+)", ddl, re.DOTALL)
        if named is not None and named[2] == table.name:
            of_table = f" ON {table.name}" if connection.dialect.name == "postgresql" else ""
            connection.execute(text(f"DROP TRIGGER {named[1]}{of_table}"))
    if connection.dialect.name == "postgresql":
        rows = connection.execute(
            text("SELECT conname FROM pg_constraint WHERE conrelid = CAST(:t AS regclass) AND contype IN ('f', 'c')"),
            {"t": table.name},
        )
        for (name,) in rows.all():
            connection.execute(text(f'ALTER TABLE {table.name} DROP CONSTRAINT "{name}"'))
    row = {column.name: anything(column) for column in table.columns}
    connection.execute(insert(table), [{column.key: row[column.name] for column in table.columns}])
    return row


def taking_back(dialect: str, table: Table) -> list[str]:
    """Every way of changing or losing a row the engine knows."""
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    key = ", ".join(column.name for column in table.primary_key.columns)
    some = f'"{next(column.name for column in table.columns)}"'
    same = f"INTO {table.name} ({columns}) SELECT {columns} FROM {table.name}"
    ways = [
        f"UPDATE {table.name} SET {some} = {some}",
        f"DELETE FROM {table.name}",
        f"INSERT {same} WHERE true ON CONFLICT ({key}) DO UPDATE SET {some} = excluded.{some}",
    ]
    return [*ways, f"INSERT OR REPLACE {same}" if dialect == "sqlite" else f"TRUNCATE {table.name} CASCADE"]


def test_append_only_tables_take_rows_and_give_none_back(engine: Engine) -> None:
    assert len(APPEND_ONLY) > 10
    dialect = engine.dialect.name
    with write_access(), engine.connect() as connection:
        if dialect == "sqlite":  # pragmas of the connection, outside of a transaction
            raw: Any = connection.connection.dbapi_connection
            raw.turn(writing=True)
            cursor = raw.cursor()
            cursor.execute("PRAGMA foreign_keys=OFF")
            cursor.execute("PRAGMA ignore_check_constraints=ON")
        connection.begin()
        for name in sorted(APPEND_ONLY):
            table = Base.metadata.tables[name]
            if connection.execute(select(table).limit(1)).first() is None:
                plant(connection, table)
            before = connection.execute(select(table)).all()
            for way in taking_back(dialect, table):
                savepoint = connection.begin_nested()
                with pytest.raises(DBAPIError, match="append-only"):
                    connection.execute(text(way))
                savepoint.rollback()
            assert connection.execute(select(table)).all() == before, name
        connection.rollback()


# Keys, checks, foreign keys, seats ----------------------------------------------------------------

CHAIN = approvals.register(
    Chain(
        "test.guards",
        "CHEM-7.2",
        "guards",
        (
            Step("sales", "sales", Role.SALES_MANAGER, frozenset({"company"}), scoped=True),
            Step("gm", "GM", Role.GENERAL_MANAGER, frozenset({"company"}), always=True),
        ),
    )
)


class Company:
    """People, a region, a customer and a case to break things on."""

    def __init__(self, session: Session) -> None:
        self.region = builders.region(session)
        self.line = builders.line(session)
        self.author = builders.user(session, "author", Role.ACCOUNT_MANAGER)
        self.boss = builders.user(session, "boss", Role.GENERAL_MANAGER)
        self.customer = self.new_customer("C-1", "91310000MA1K35A00X", None)
        session.add(self.customer)
        actor = builders.actor(session, self.author)
        self.case = approvals.open_case(session, CHAIN, ("guard", 1), "t", self.region.id, actor, NOW)
        approvals.submit(session, self.case, {"company": 1}, actor, NOW, seen_version=0)
        session.flush()

    def new_customer(self, number: str, credit: str | None, organisation: str | None) -> Customer:
        words = dict.fromkeys(
            ("name", "name_key", "legal_representative", "address", "contact_name", "phone", "phone_key", "bank_name"),
            "x",
        ) | dict.fromkeys(("bank_account", "account_key", "invoice_address", "invoice_phone"), "x")
        return Customer(
            number=number,
            credit_code=credit,
            organisation_code=organisation,
            region_id=self.region.id,
            account_manager_id=self.author.id,
            approved_at=NOW,
            approved_on=date(2026, 11, 23),
            **words,
        )

    def decision(self, **other: Any) -> ApprovalDecision:
        values: dict[str, Any] = {
            "case_id": self.case.id,
            "round": 1,
            "step": "gm",
            "verdict": "approve",
            "reason": "",
            "items": [],
            "details": {},
            "content_hash": "h",
            "moved_to": "approved",
            "user_id": self.boss.id,
            "person_id": self.boss.person_id,
            "policy_version": 1,
            "decided_at": NOW,
        }
        return ApprovalDecision(**values | other)

    def seat(self, person_id: int, step: str) -> ApprovalSeat:
        return ApprovalSeat(case_id=self.case.id, person_id=person_id, step=step)


def grant(c: Company, **values: Any) -> RoleGrant:
    return RoleGrant(user_id=c.boss.id, from_on=date(2020, 1, 1), **values)


def test_an_adopted_policy_is_neither_changed_nor_lost(engine: Engine) -> None:
    """A draft may be; what decided something must stay explained by it (CHEM-18)."""
    table = Base.metadata.tables["policy_version"]
    with write_access(), engine.connect() as connection:
        connection.begin()
        insert_draft = insert(table).values(version=99, state="draft", values={}, drafter="x", source="x")
        connection.execute(insert_draft)
        connection.execute(update(table).where(table.c.version == 99).values(source="y"))
        connection.execute(
            update(table).where(table.c.version == 99).values(state="adopted", in_force_from=date(2026, 1, 1))
        )
        before = connection.execute(select(table)).all()
        for way in taking_back(engine.dialect.name, table):
            savepoint = connection.begin_nested()
            with pytest.raises(DBAPIError, match="append-only"):
                connection.execute(text(way))
            savepoint.rollback()
        assert connection.execute(select(table)).all() == before
        connection.rollback()


def test_every_role_can_be_held(both_app: Flask) -> None:
    with both_app.app_context(), transaction() as session:
        company = Company(session)
        somebody = builders.user(session, "somebody")
        office = builders.office(session)
        scopes: dict[Role, dict[str, int]] = {
            Role.SALES_MANAGER: {"region_id": company.region.id},
            Role.RESIDENT_OFFICE: {"office_id": office.id},
            Role.WAREHOUSE_KEEPER: {"warehouse_id": builders.warehouse(session, office_id=office.id).id},
        }
        session.add_all(
            RoleGrant(user_id=somebody.id, from_on=date(2020, 1, 1), role=role.value, **scopes.get(role, {}))
            for role in Role
        )
        session.flush()


def test_words_are_ordered_by_their_bytes_in_a_database_of_any_language(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        return  # it knows no other order
    wanted = text(
        "SELECT table_name || '.' || column_name, collation_name FROM information_schema.columns "
        "WHERE (table_name, column_name) IN (('search_key', 'key'), ('customer', 'name_sort'))"
    )
    with engine.connect() as connection:
        found = {row[0]: row[1] for row in connection.execute(wanted)}
        assert found == {"search_key.key": "C", "customer.name_sort": "C"}
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        prefix: Any = matching("customer", "hua")
        query = str(prefix.compile(engine, compile_kwargs={"literal_binds": True}))
        plan = "\n".join(row[0] for row in connection.execute(text(f"EXPLAIN {query}")))
        assert "ix_search_key_key" in plan, "a prefix is a range of the index"
        assert "Index Cond: ((key >= 'hua'::text)" in plan, plan


def policy(**values: Any) -> PolicyVersion:
    return PolicyVersion(**{"version": 99, "state": "draft", "values": {}, "drafter": "x", "source": "x"} | values)


def run(**values: Any) -> Run:
    given = {"job": "j", "period": "2026-10", "state": "done", "started_at": NOW, "ended_at": NOW, "result": {}}
    return Run(**given | values)


# What must not be storable: rows to add one after the other; the last is the one refused.
FORBIDDEN: dict[str, Any] = {
    "two seats of one person in a case": lambda c: [c.seat(c.author.person_id, "gm")],
    "a decision without its seat": lambda c: [c.decision()],
    "a decision from another seat": lambda c: [c.seat(c.boss.person_id, "sales"), c.decision()],
    "two decisions of a step in a round": lambda c: [
        c.seat(c.boss.person_id, "gm"),
        c.decision(),
        c.decision(user_id=c.author.id),
    ],
    "two decisions of a person in a round": lambda c: [
        c.seat(c.boss.person_id, "gm"),
        c.decision(),
        c.decision(step="sales"),
    ],
    "a return without a reason": lambda c: [c.seat(c.boss.person_id, "gm"), c.decision(verdict="return")],
    "a verdict nobody knows": lambda c: [c.seat(c.boss.person_id, "gm"), c.decision(verdict="perhaps")],
    "a decision on no case": lambda c: [c.decision(case_id=10**6)],
    "two cases of one subject": lambda c: [
        ApprovalCase(
            chain="x",
            subject_type="guard",
            subject_id=1,
            title="t",
            submitter_id=c.author.id,
            state="draft",
            waiting_since=NOW,
            due_at=NOW,
            opened_at=NOW,
        )
    ],
    "two customers of one credit code": lambda c: [c.new_customer("C-2", "91310000MA1K35A00X", None)],
    "two customers of one number": lambda c: [c.new_customer("C-1", "X", None)],
    "two customers of one organisation code": lambda c: [
        c.new_customer("C-2", None, "12345678X"),
        c.new_customer("C-3", None, "12345678X"),
    ],
    "a customer without any code": lambda c: [c.new_customer("C-2", None, None)],
    "two open classes of a line": lambda c: [line(c), line(c, from_on=date(2026, 2, 1))],
    "a class nobody knows": lambda c: [line(c, customer_class="friend")],
    "a period that ends before it begins": lambda c: [line(c, to_on=date(2026, 1, 1))],
    "a sales manager of no region": lambda c: [grant(c, role="sales_manager")],
    "a general manager of a region": lambda c: [grant(c, role="general_manager", region_id=c.region.id)],
    "a role nobody knows": lambda c: [grant(c, role="owner")],
    "the same role twice at once": lambda c: [
        grant(c, role="finance_reviewer"),
        grant(c, role="finance_reviewer"),
    ],
    "standing in for oneself": lambda c: [stand_in(c, c.boss.id, c.boss.id)],
    "standing in for no day": lambda c: [stand_in(c, c.boss.id, c.author.id, to_on=date(2026, 1, 1))],
    "a file of no content": lambda c: [
        StoredFile(
            sha256="0" * 64,
            name="a.pdf",
            kind="pdf",
            size=1,
            subject_type="x",
            subject_id=1,
            uploaded_by_id=c.author.id,
            uploaded_at=NOW,
        )
    ],
    "content under one hash twice": lambda c: [
        FileContent(sha256="a", content=b"a", size=1),
        FileContent(sha256="a", content=b"b", size=1),
    ],
    "an adopted policy without a day": lambda c: [policy(state="adopted")],
    "two policies of one number": lambda c: [policy(), policy()],
    "a duty done twice": lambda c: [run(), run(state="failed")],
    "a duty half done": lambda c: [run(state="running")],
    "an idempotency key twice": lambda c: [
        IdempotencyKey(user_id=c.boss.id, key="k", request_hash="a", at=NOW),
        IdempotencyKey(user_id=c.boss.id, key="k", request_hash="b", at=NOW),
    ],
    "a counter twice": lambda c: [Counter(series="s", last=0), Counter(series="s", last=0)],
}


def line(c: Company, **values: Any) -> CustomerLine:
    given = {"customer_class": "dealer", "from_on": date(2026, 1, 1)} | values
    return CustomerLine(customer_id=c.customer.id, product_line_id=c.line.id, **given)


def stand_in(c: Company, absent: int, present: int, to_on: date = date(2026, 2, 1)) -> Delegation:
    return Delegation(
        from_user_id=absent,
        to_user_id=present,
        from_on=date(2026, 1, 1),
        to_on=to_on,
        reason="r",
        set_by_id=absent,
        set_at=NOW,
    )


@pytest.mark.filterwarnings("ignore:New instance .* with identity key")
def test_what_must_not_be_storable_is_not(both_app: Flask) -> None:
    with both_app.app_context(), transaction() as session:
        company = Company(session)
        for what, rows in FORBIDDEN.items():
            *fine, wrong = rows(company)
            outer = session.begin_nested()
            for row in fine:
                session.add(row)
                session.flush()
            session.add(wrong)
            try:
                session.flush()
            except IntegrityError:
                outer.rollback()
            else:
                pytest.fail(f"the database stored {what}")


@pytest.mark.rule("CHEM-7.2")
def test_a_case_waits_for_a_step_exactly_while_in_approval(both_app: Flask) -> None:
    with both_app.app_context(), transaction() as session:
        case = Company(session).case
        for state, step in (("in_approval", None), ("approved", "gm"), ("draft", "sales")):
            with pytest.raises(IntegrityError), session.begin_nested():
                session.execute(update(ApprovalCase).where(ApprovalCase.id == case.id).values(state=state, step=step))


@pytest.mark.rule("CHEM-7.2")
def test_opening_a_case_seats_its_submitter(both_app: Flask) -> None:
    with both_app.app_context(), transaction() as session:
        company = Company(session)
        seats = session.execute(select(ApprovalSeat.person_id, ApprovalSeat.step)).all()
        assert [tuple(seat) for seat in seats] == [(company.author.person_id, SUBMIT_SEAT)]
