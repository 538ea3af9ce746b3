"""Migrations: one head, up and down on both engines, and nothing in the models that they do not make."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import Engine, create_engine, inspect, text

import tierflow.app  # noqa: F401 - every domain's tables
from tests import builders
from tests.onboarding import scenes
from tierflow.common.db import Base, make_engine, transaction
from tierflow.common.schema import alembic_config, defects, downgrade, upgrade


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database with nothing in it."""
    if request.param == "sqlite":
        engine = make_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    else:
        url: str = request.getfixturevalue("postgres_url")
        admin = create_engine(url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        admin.dispose()
        engine = make_engine(url)
    yield engine
    engine.dispose()


def things(engine: Engine) -> set[str]:
    """Whatever the database holds, but for alembic's own table."""
    kinds = "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
    if engine.dialect.name == "postgresql":
        kinds = (
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace UNION ALL "
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace UNION ALL "
            "SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')"
        )
    with engine.connect() as connection:
        return {name for (name,) in connection.execute(text(kinds)) if "alembic_version" not in name}


def test_there_is_one_head_and_one_base() -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    assert len(scripts.get_heads()) == 1
    assert len(scripts.get_bases()) == 1


def test_up_down_and_up_again(empty: Engine) -> None:
    upgrade(empty)
    assert defects(empty) == []
    before = things(empty)
    downgrade(empty, "base")
    assert things(empty) == set(), "a downgrade left something behind"
    upgrade(empty)
    assert things(empty) == before
    assert defects(empty) == []


def test_every_step_can_be_taken_back_alone(empty: Engine) -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    for script in reversed(list(scripts.walk_revisions())):
        upgrade(empty, script.revision)
        before = things(empty)
        downgrade(empty, str(script.down_revision or "base"))
        upgrade(empty, script.revision)
        assert things(empty) == before, script.revision


@pytest.mark.filterwarnings("ignore:autogenerate skipping")  # the one index over expressions cannot be compared
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_the_models_say_what_the_migrations_made(empty: Engine) -> None:
    upgrade(empty)
    with empty.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    foreign = {table: inspect(empty).get_foreign_keys(table) for table in Base.metadata.tables}
    for table in Base.metadata.sorted_tables:
        assert len(foreign[table.name]) == len(table.foreign_key_constraints), table.name


def test_making_the_grants_anew_loses_none_and_names_get_their_order(both_app: Flask) -> None:
    with both_app.app_context(), transaction() as session:
        place = scenes.company(session)
        application = scenes.submitted(session, place)
        for who in ("sales", "finance", "gm"):
            scenes.approve(session, place, application, who)
    grants = text("SELECT * FROM role_grant ORDER BY id")
    names = text("SELECT name, name_sort FROM customer ORDER BY id")
    engine = make_engine(both_app.config["SQLALCHEMY_DATABASE_URI"])
    with engine.connect() as connection:
        before = [tuple(row) for row in connection.execute(grants)], [tuple(row) for row in connection.execute(names)]
    downgrade(engine, "0005")
    upgrade(engine)
    with engine.connect() as connection:
        after = [tuple(row) for row in connection.execute(grants)], [tuple(row) for row in connection.execute(names)]
    engine.dispose()
    assert len(after[0]) > 3
    assert after == before
    assert after[1][0][1].startswith("hua ")


def test_user_names_made_with_capitals_are_folded_once_and_nobody_is_locked_out(both_app: Flask) -> None:
    engine = make_engine(both_app.config["SQLALCHEMY_DATABASE_URI"])
    downgrade(engine, "0083")
    with both_app.app_context(), transaction() as session:
        for login in ("Wang.Yi", " zhao", "li", "LI", "Li", "li-2"):
            builders.user(session, login)
    upgrade(engine)
    with engine.connect() as connection:
        logins = list(connection.execute(text("SELECT login FROM user_account ORDER BY id")).scalars())
    engine.dispose()
    assert logins == ["wang.yi", "zhao", "li", "li-3", "li-4", "li-2"]
    client = both_app.test_client()
    sent = {"name": "Wang.Yi", "password": builders.PASSWORD, "csrf_token": builders.csrf_of(client)}
    assert client.post("/login", data=sent).status_code == 302


def test_migrations_do_not_change_with_the_models() -> None:
    for path in Path(alembic_config().get_main_option("script_location") or "", "versions").glob("*.py"):
        source = path.read_text()
        imported = {line for line in source.splitlines() if line.startswith(("from tierflow", "import tierflow"))}
        assert imported <= {
            "from tierflow.common.guards import POSTGRES_FUNCTION, trigger_ddl",
            "from tierflow.common.guards import trigger_ddl",
        }, path.name
        assert "batch_alter_table" not in source, "batch mode drops triggers on SQLite"
