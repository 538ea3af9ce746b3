"""What no check of one row can say, refused by the database itself, whatever the door (CHEM-2, CHEM-15, CHEM-17).

No order, release or weighing while business with the customer stands still, but for the weighing of what the general
manager let out since it does; no release beyond what was ordered or what the register of money covers; no weighing
beyond what its slip has. The services refuse all of it first, with words; these are the last guard.
"""
# ruff: noqa: S608 - every word of it is written here

from __future__ import annotations

from tierflow.common.guards import row_guard
from tierflow.common.suspension import stands_still, uncovered


def _day(instant: str, dialect: str) -> str:
    """The day in Shanghai of an instant."""
    return f"date({instant}, '+8 hours')" if dialect == "sqlite" else f"({instant} AT TIME ZONE 'Asia/Shanghai')::date"


def _placed(dialect: str) -> str:
    return stands_still("NEW.customer_id", _day("NEW.placed_at", dialect))


def _released(dialect: str) -> str:
    """Conditions on the order `o` of a new slip under which it is refused."""
    out = "(SELECT coalesce(sum(s.grams - s.withdrawn_grams), 0) FROM lifting_slip s WHERE s.order_id = o.id)"
    money = (
        "(SELECT coalesce(sum(CASE WHEN m.kind IN ('receipt', 'carry_in') THEN m.fen ELSE -m.fen END), 0) "
        "FROM lifting_money m WHERE m.order_id = o.id)"
    )
    return (
        f"o.state IN ('settled', 'cancelled') OR o.warehouse_id <> NEW.warehouse_id "
        f"OR {out} + NEW.grams > o.released_grams OR ({out} + NEW.grams) * o.price_fen > {money} * 1000000 "
        f"OR {stands_still('o.customer_id', _day('NEW.released_at', dialect))}"
    )


def _weighed(dialect: str) -> str:
    """Conditions on the slip `s` and its order `o` under which a new weighing is refused."""
    gone = "(SELECT coalesce(sum(w.grams), 0) FROM lifting_weighing w WHERE w.slip_id = s.id)"
    back = (
        "(SELECT coalesce(sum(r.grams), 0) FROM lifting_return r JOIN lifting_weighing w ON w.id = r.weighing_id "
        "WHERE w.slip_id = s.id)"
    )
    day = _day("NEW.recorded_at", dialect)
    disqualified = (
        f"EXISTS (SELECT 1 FROM customer c WHERE c.id = o.customer_id AND c.disqualified_on <= {day} "
        "AND (o.let_out_on IS NULL OR c.disqualified_on > o.let_out_on))"
    )
    # Served again since it was let out, to the last day of some paper: the stop of this day is another one.
    served_since = (
        "EXISTS (SELECT 1 FROM paper_cover q WHERE q.customer_id = o.customer_id AND q.valid_to >= o.let_out_on "
        f"AND q.valid_to < {day} AND NOT {uncovered('o.customer_id', 'q.valid_to')})"
    )
    suspended = f"({uncovered('o.customer_id', day)} AND (o.let_out_on IS NULL OR {served_since}))"
    return f"o.id <> NEW.order_id OR {gone} - {back} + NEW.grams > s.lifted_grams OR {disqualified} OR {suspended}"


_HOW = "USING ERRCODE = 'check_violation'"
_NO_BUSINESS = "lifting_order: business with this customer stands still"
_NO_RELEASE = "lifting_slip: unpaid, more than ordered, or business stands still"
_NO_OTHER = "lifting_slip: what was released stays as it is written"
_NO_LIFTING = "lifting_weighing: more than released, or business stands still"
_SLIP_STAYS = "(NEW.order_id, NEW.warehouse_id, NEW.number, NEW.code, NEW.grams)"

ORDER = row_guard(
    "lifting_order",
    "order_served",
    sqlite=[
        f"CREATE TRIGGER guard_order_served BEFORE INSERT ON lifting_order WHEN {_placed('sqlite')} "
        f"BEGIN SELECT RAISE(ABORT, '{_NO_BUSINESS}'); END"
    ],
    postgres=f"""
BEGIN
  IF {_placed("postgresql")} THEN
    RAISE EXCEPTION '{_NO_BUSINESS}' {_HOW};
  END IF;
  RETURN NEW;
END """,
)

SLIP = row_guard(
    "lifting_slip",
    "slip_covered",
    sqlite=[
        "CREATE TRIGGER guard_slip_covered BEFORE INSERT ON lifting_slip WHEN EXISTS "
        f"(SELECT 1 FROM lifting_order o WHERE o.id = NEW.order_id AND ({_released('sqlite')})) "
        f"BEGIN SELECT RAISE(ABORT, '{_NO_RELEASE}'); END",
        "CREATE TRIGGER guard_slip_stays BEFORE UPDATE ON lifting_slip "
        f"WHEN {_SLIP_STAYS} <> {_SLIP_STAYS.replace('NEW', 'OLD')} "
        f"BEGIN SELECT RAISE(ABORT, '{_NO_OTHER}'); END",
    ],
    postgres=f"""
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF {_SLIP_STAYS} <> {_SLIP_STAYS.replace("NEW", "OLD")} THEN
      RAISE EXCEPTION '{_NO_OTHER}' {_HOW};
    END IF;
    RETURN NEW;
  END IF;
  PERFORM 1 FROM lifting_order WHERE id = NEW.order_id FOR UPDATE;
  IF EXISTS (SELECT 1 FROM lifting_order o WHERE o.id = NEW.order_id AND ({_released("postgresql")})) THEN
    RAISE EXCEPTION '{_NO_RELEASE}' {_HOW};
  END IF;
  RETURN NEW;
END """,
    on="BEFORE INSERT OR UPDATE",
)

WEIGHING = row_guard(
    "lifting_weighing",
    "weighing_covered",
    sqlite=[
        "CREATE TRIGGER guard_weighing_covered BEFORE INSERT ON lifting_weighing WHEN EXISTS "
        "(SELECT 1 FROM lifting_slip s JOIN lifting_order o ON o.id = s.order_id "
        f"WHERE s.id = NEW.slip_id AND ({_weighed('sqlite')})) BEGIN SELECT RAISE(ABORT, '{_NO_LIFTING}'); END"
    ],
    postgres=f"""
BEGIN
  PERFORM 1 FROM lifting_slip WHERE id = NEW.slip_id FOR UPDATE;
  IF EXISTS (SELECT 1 FROM lifting_slip s JOIN lifting_order o ON o.id = s.order_id
    WHERE s.id = NEW.slip_id AND ({_weighed("postgresql")})) THEN
    RAISE EXCEPTION '{_NO_LIFTING}' {_HOW};
  END IF;
  RETURN NEW;
END """,
)
