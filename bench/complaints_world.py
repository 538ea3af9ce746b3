"""Open complaints in any number, some of them due: one made by the service, the rest copied inside the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy import select, text, update

from bench.world import FIRST_COPY, _copy
from tests.builders import region, user
from tests.complaints.facts import at
from tests.complaints.scenes import Scene
from tests.conftest import NOW
from tierflow import create_app
from tierflow.common import seeds
from tierflow.common.db import db, transaction
from tierflow.common.users import User
from tierflow.complaints.models import Clock
from tierflow.complaints.rules.words import Event
from tierflow.kernel.roles import Role

REGIONS, MANAGERS = 10, 50
# Of a group that falls due together: on its due day, past its due time, a working day past it.
SHARES = ((Event.DUE_DAY, 0.5), (Event.BREACHED, 0.3), (Event.ESCALATED, 0.2))
BEGINS = at("2026-11-24 09:00")
TABLES = ("complaint", "complaint_clock", "complaint_event", "notice")


@dataclass(frozen=True)
class Groups:
    """`count` groups of `size` clocks; group g falls due at `due_at(g)`, all at once."""

    count: int
    size: int

    def due_at(self, group: int) -> datetime:
        """The moment of a group."""
        return BEGINS + timedelta(minutes=group)


def application(url: str) -> Flask:
    """The product on a migrated, empty database, seeded."""
    app = create_app({"SQLALCHEMY_DATABASE_URI": url, "SECRET_KEY": "bench", "CLOCK": lambda: NOW})
    with app.app_context(), transaction() as session:
        seeds.plant(session, NOW, policy={"second_factor.roles": []})
    return app


def grow(app: Flask, complaints: int, groups: Groups) -> None:
    """Fill the database: so many open complaints of fifty account managers in ten regions, groups of them due."""
    scene = Scene(app)
    with app.app_context(), transaction() as session:
        regions = [region(session, f"R{n}", f"区域{n}").id for n in range(REGIONS)]
        for number, region_id in enumerate(regions):
            user(session, f"bench-sm{number}", (Role.SALES_MANAGER, region_id))
        managers = [user(session, f"bench-am{n}", Role.ACCOUNT_MANAGER).id for n in range(MANAGERS)]
    first = scene.take("2026-11-23 10:00", severity="major")
    far = at("2027-03-01 09:00")
    with app.app_context(), transaction() as session:
        values = {"next_at": far, "next_kind": Event.DUE_DAY.value, "late_at": far, "escalate_at": far}
        session.execute(update(Clock).values(**values))
        there = f"{FIRST_COPY} + n"
        own = {
            "id": there,
            "number": "'TS-9-' || n",
            "region_id": f"{regions[0]} + (n % {REGIONS})",
            "account_manager_id": f"{managers[0]} + (n % {MANAGERS})",
        }
        _copy(session, "complaint", f"id = {first}", complaints, **own)
        _copy(session, "complaint_clock", f"complaint_id = {first}", complaints, id=there, complaint_id=there)
        stride = complaints // (groups.count * groups.size)  # the due ones lie scattered among the others
        for group in range(groups.count):
            ids = [FIRST_COPY + 1 + (n * groups.count + group) * stride for n in range(groups.size)]
            for kind, share in SHARES:
                mine, ids = ids[: int(groups.size * share)], ids[int(groups.size * share) :]
                due = update(Clock).where(Clock.id.in_(mine))
                session.execute(due.values(next_kind=kind.value, next_at=groups.due_at(group)))
        if session.scalar(select(User.id).where(User.id == managers[0] + MANAGERS - 1)) != managers[-1]:
            raise RuntimeError("the account managers' ids have gaps")
        _settle(app)
    with app.app_context():
        db.session.remove()


def _settle(app: Flask) -> None:
    """Fresh statistics, and counters beyond the copies."""
    session = db.session()
    if app.config["SQLALCHEMY_DATABASE_URI"].startswith("postgresql"):
        for table in TABLES[:2]:
            latest = f"(SELECT max(id) FROM {table})"
            session.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {latest})"))
    session.execute(text("ANALYZE"))
