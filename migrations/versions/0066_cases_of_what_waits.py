"""What waits for the general manager's decision gets the approval case it has had none of: levels by hand, imports."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0066"
down_revision = "0064"
branch_labels = None
depends_on = None

KINDS = ("level_pin", "takeover")
GRACE = timedelta(days=3)  # nobody is called late because of an upgrade

Id, When = sa.BigInteger(), sa.DateTime(timezone=True)
case = sa.table(
    "approval_case",
    *(sa.column(name, Id) for name in ("id", "subject_id", "region_id", "submitter_id", "round", "version")),
    *(sa.column(name, sa.String()) for name in ("chain", "subject_type", "title", "state", "step", "waiting_role")),
    *(sa.column(name, When) for name in ("waiting_since", "due_at", "opened_at", "ended_at")),
    sa.column("content_hash", sa.String()),
    sa.column("all_green", sa.Boolean()),
)
handed_in = sa.table(
    "approval_round",
    *(sa.column(name, Id) for name in ("case_id", "round", "submitted_by_id")),
    *(sa.column(name, sa.String()) for name in ("content_hash", "first_step")),
    sa.column("content", sa.JSON()),
    sa.column("submitted_at", When),
)
seat = sa.table("approval_seat", sa.column("case_id", Id), sa.column("person_id", Id), sa.column("step", sa.String()))
pin = sa.table(
    "level_pin",
    *(sa.column(name, Id) for name in ("id", "customer_id", "product_line_id", "asked_by_id")),
    *(sa.column(name, sa.String()) for name in ("level", "computed", "reason", "state")),
    *(sa.column(name, sa.Date()) for name in ("from_on", "to_on")),
    sa.column("asked_at", When),
)
batch = sa.table(
    "import_batch",
    *(sa.column(name, Id) for name in ("id", "created_by_id", "handed_in_by_id", "good", "doubtful", "duplicate")),
    *(sa.column(name, sa.String()) for name in ("kind", "state", "file_name", "sha256")),
    sa.column("mapping", sa.JSON()),
    sa.column("handed_in_at", When),
)
customer = sa.table("customer", sa.column("id", Id), sa.column("number"), sa.column("name"), sa.column("region_id", Id))
line = sa.table("product_line", sa.column("id", Id), sa.column("code"))
account = sa.table("user_account", sa.column("id", Id), sa.column("person_id", Id))


def upgrade() -> None:
    """Open a case for everything that waits, as handing it in now would."""
    _levels_by_hand()
    _imports()


def downgrade() -> None:
    """End the open cases: what they were of waits by itself again. Rounds and seats are on record for good."""
    ended = {"state": "discarded", "step": None, "waiting_role": None, "version": case.c.version + 1}
    open_ones = case.c.chain.in_(KINDS) & case.c.state.in_(("in_approval", "returned", "withdrawn"))
    op.execute(case.update().where(open_ones).values(**ended, ended_at=_now()))


def _imports() -> None:
    creator = account.alias("creator")
    query = (
        sa.select(batch, account.c.person_id, creator.c.person_id.label("creator_person_id"))
        .join(account, account.c.id == batch.c.handed_in_by_id)
        .join(creator, creator.c.id == batch.c.created_by_id)
        .where(batch.c.state == "handed_in", batch.c.kind == "customers")
        .order_by(batch.c.id)
    )
    for row in op.get_bind().execute(query).all():
        content = {
            "file": row.file_name,
            "sha256": row.sha256,
            "mapping": row.mapping,
            "rows": row.good + row.doubtful,
            "doubtful": row.doubtful,
            "left_out": row.duplicate,
        }
        by = (row.handed_in_by_id, row.person_id, row.handed_in_at)
        _open(("takeover", "import.customers", row.id), row.file_name, None, by, {"import": content})
        mine = (case.c.subject_type == "import.customers") & (case.c.subject_id == row.id)
        op.execute(case.update().where(mine).values(submitter_id=row.created_by_id))
        _seat(op.get_bind().execute(sa.select(case.c.id).where(mine)).scalar_one(), row.creator_person_id)


def _levels_by_hand() -> None:
    columns = (pin, customer.c.number, customer.c.name, customer.c.region_id, line.c.code, account.c.person_id)
    query = (
        sa.select(*columns)
        .join(customer, customer.c.id == pin.c.customer_id)
        .join(line, line.c.id == pin.c.product_line_id)
        .join(account, account.c.id == pin.c.asked_by_id)
        .where(pin.c.state == "waiting")
        .order_by(pin.c.id)
    )
    for row in op.get_bind().execute(query).all():
        content = {
            "customer": row.number,
            "name": row.name,
            "line": row.code,
            "level": row.level,
            "computed": row.computed,
            "from": row.from_on.isoformat(),
            "to": row.to_on.isoformat(),
            "reason": row.reason,
        }
        title = f"{row.number} {row.name}"
        by = (row.asked_by_id, row.person_id, row.asked_at)
        _open(("level_pin", "level_pin", row.id), title, row.region_id, by, {"pin": content})


def _open(
    subject: tuple[str, str, int], title: str, region_id: int | None, by: tuple[int, int, datetime], content: Any
) -> None:
    connection = op.get_bind()
    chain, subject_type, subject_id = subject
    user_id, person_id, at = by
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    sha256 = hashlib.sha256(canonical.encode()).hexdigest()
    waits = {"state": "in_approval", "step": "management", "waiting_role": "general_manager", "due_at": _now() + GRACE}
    mine = (case.c.subject_type == subject_type) & (case.c.subject_id == subject_id)
    first = {"content": content, "content_hash": sha256, "first_step": "management"}
    first |= {"submitted_by_id": user_id, "submitted_at": at}
    known = connection.execute(sa.select(case.c.id, case.c.round, case.c.content_hash).where(mine)).one_or_none()
    if known is not None:  # ended by a downgrade, and perhaps handed in anew since
        round_ = known.round if known.content_hash == sha256 else known.round + 1
        again = {**waits, "version": case.c.version + 1, "ended_at": None, "round": round_, "content_hash": sha256}
        connection.execute(case.update().where(mine).values(**again))
        if round_ > known.round:
            connection.execute(handed_in.insert().values(**first, case_id=known.id, round=round_))
            _seat(known.id, person_id)
        return
    values = {
        **waits,
        "chain": chain,
        "subject_type": subject_type,
        "subject_id": subject_id,
        "title": title,
        "region_id": region_id,
        "submitter_id": user_id,
        "round": 1,
        "version": 1,
        "content_hash": sha256,
        "all_green": False,
        "waiting_since": at,
        "opened_at": at,
    }
    connection.execute(case.insert().values(**values))
    case_id = connection.execute(sa.select(case.c.id).where(mine)).scalar_one()
    connection.execute(handed_in.insert().values(**first, case_id=case_id, round=1))
    _seat(case_id, person_id)


def _seat(case_id: int, person_id: int) -> None:
    taken = sa.select(seat.c.person_id).where(seat.c.case_id == case_id, seat.c.person_id == person_id)
    if op.get_bind().execute(taken).one_or_none() is None:
        op.get_bind().execute(seat.insert().values(case_id=case_id, person_id=person_id, step="submit"))


def _now() -> datetime:
    """The database's time, as its columns hold it."""
    now: datetime = op.get_bind().execute(sa.select(sa.func.current_timestamp())).scalar_one()
    return now
