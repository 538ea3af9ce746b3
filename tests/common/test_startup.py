"""A database without its guards is not served: tables, constraints, indexes, triggers and their text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from tierflow import create_app
from tierflow.common.db import db, make_engine, write_access
from tierflow.common.schema import defects


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def break_it(engine: Engine, *statements: str) -> list[str]:
    with write_access(), engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    return defects(engine)


def test_a_whole_database_has_no_defects(engine: Engine) -> None:
    assert defects(engine) == []


def test_a_dropped_index_a_weakened_index_and_a_dropped_table_are_seen(engine: Engine) -> None:
    assert "index ix_customer_name_key" in str(break_it(engine, "DROP INDEX ix_customer_name_key"))
    weak = break_it(
        engine,
        "DROP INDEX uq_customer_line_open",
        "CREATE INDEX uq_customer_line_open ON customer_line (customer_id, product_line_id) WHERE to_on IS NULL",
    )
    assert "unique index uq_customer_line_open" in str(weak)
    assert "table saved_filter" in str(break_it(engine, "DROP TABLE saved_filter"))


def test_a_dropped_or_changed_trigger_is_seen(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        assert "guard_policy_version_update" in str(break_it(engine, "DROP TRIGGER guard_policy_version_update"))
        assert "guard_decision_delete" in str(break_it(engine, "DROP TRIGGER guard_decision_delete"))
        changed = break_it(
            engine,
            "DROP TRIGGER guard_audit_entry_update",
            "CREATE TRIGGER guard_audit_entry_update BEFORE UPDATE ON audit_entry BEGIN SELECT 1; END",
        )
        assert "guard_audit_entry_update" in str(changed)
        return
    assert "guard_policy_version_row" in str(
        break_it(engine, "DROP TRIGGER guard_policy_version_row ON policy_version")
    )
    assert "guard_decision_row" in str(break_it(engine, "DROP TRIGGER guard_decision_row ON decision"))
    for how in ("DISABLE", "ENABLE REPLICA"):
        found = break_it(engine, f"ALTER TABLE audit_entry {how} TRIGGER guard_audit_entry_row")
        assert "guard_audit_entry_row" in str(found)
    weaker = break_it(
        engine,
        "DROP TRIGGER guard_stored_file_row ON stored_file",
        "CREATE TRIGGER guard_stored_file_row BEFORE UPDATE ON stored_file "
        "FOR EACH ROW EXECUTE FUNCTION tierflow_refuse()",
    )
    assert "guard_stored_file_row" in str(weaker)
    hollow = break_it(
        engine,
        "CREATE OR REPLACE FUNCTION tierflow_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN /* RAISE EXCEPTION */ RETURN NEW; END $$",
    )
    assert "function tierflow_refuse" in str(hollow)


def test_a_dropped_constraint_is_seen(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":  # as Alembic's batch mode would: the table made anew, poorer
        found = break_it(
            engine,
            "PRAGMA defer_foreign_keys=ON",
            "DROP TABLE idempotency_key",
            "CREATE TABLE idempotency_key (user_id INTEGER, key VARCHAR, request_hash VARCHAR, at DATE, answer JSON)",
        )
        assert "constraint pk_idempotency_key" in str(found)
        assert "constraint fk_idempotency_key_user_id" in str(found)
        return
    for table, name in (
        ("approval_decision", "uq_approval_decision_case_id_round_step"),
        ("approval_decision", "fk_approval_decision_case_id_person_id_step"),
        ("role_grant", "ck_role_grant_scope"),
    ):
        assert f"constraint {name}" in str(break_it(engine, f"ALTER TABLE {table} DROP CONSTRAINT {name}"))


def test_a_database_of_another_revision_is_not_served(engine: Engine) -> None:
    found = break_it(engine, "UPDATE alembic_version SET version_num = '0000'")
    assert found == [found[0]]
    assert "0000" in found[0]


def test_the_application_does_not_start_on_a_database_without_its_guards(both_app: Flask) -> None:
    with both_app.app_context():
        break_it(db.engine, "DROP INDEX ix_notice_unread")
    settings = {key: both_app.config[key] for key in ("SQLALCHEMY_DATABASE_URI", "SECRET_KEY", "CLOCK", "TESTING")}
    with pytest.raises(RuntimeError, match="ix_notice_unread"):
        create_app(settings)
