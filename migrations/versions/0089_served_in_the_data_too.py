"""Whoever business stands still with is not served, and nothing goes out unpaid, by whatever door (CHEM-2, 15, 17)."""
# ruff: noqa: S608 - every word of it is written here

from __future__ import annotations

from alembic import op

revision = "0089"
down_revision = "0088"
branch_labels = None
depends_on = None

MERGED = "merged_licence"
JOINT = "tax_registration_joint"
SEPARATE = ("tax_registration_national", "tax_registration_local")
OLD_PAPERS = ("business_licence", "organisation_code_certificate")


def stands_still(customer: str, day: str) -> str:
    """Business with a customer stands still on a day."""

    def held(kind: str) -> str:
        return (
            f"EXISTS (SELECT 1 FROM paper_cover p WHERE p.customer_id = {customer} AND p.kind = '{kind}' "
            f"AND p.counts_from <= {day} AND (p.valid_to IS NULL OR p.valid_to >= {day}))"
        )

    old, taxes = (" AND ".join(held(kind) for kind in kinds) for kinds in (OLD_PAPERS, SEPARATE))
    out = f"EXISTS (SELECT 1 FROM customer c WHERE c.id = {customer} AND c.disqualified_on <= {day})"
    return f"({out} OR NOT ({held(MERGED)} OR ({old} AND ({held(JOINT)} OR ({taxes})))))"


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
    stopped = stands_still("o.customer_id", _day("NEW.recorded_at", dialect))
    let_out = f"(o.let_out_on IS NOT NULL AND {stands_still('o.customer_id', 'o.let_out_on')})"
    return f"o.id <> NEW.order_id OR {gone} - {back} + NEW.grams > s.lifted_grams OR ({stopped} AND NOT {let_out})"


_HOW = "USING ERRCODE = 'check_violation'"
_NO_BUSINESS = "lifting_order: business with this customer stands still"
_NO_RELEASE = "lifting_slip: unpaid, more than ordered, or business stands still"
_NO_OTHER = "lifting_slip: what was released stays as it is written"
_NO_LIFTING = "lifting_weighing: more than released, or business stands still"
_SLIP_STAYS = "(NEW.order_id, NEW.warehouse_id, NEW.number, NEW.code, NEW.grams)"

SQLITE = [
    f"CREATE TRIGGER guard_order_served BEFORE INSERT ON lifting_order WHEN {_placed('sqlite')} "
    f"BEGIN SELECT RAISE(ABORT, '{_NO_BUSINESS}'); END",
    "CREATE TRIGGER guard_slip_covered BEFORE INSERT ON lifting_slip WHEN EXISTS "
    f"(SELECT 1 FROM lifting_order o WHERE o.id = NEW.order_id AND ({_released('sqlite')})) "
    f"BEGIN SELECT RAISE(ABORT, '{_NO_RELEASE}'); END",
    "CREATE TRIGGER guard_slip_stays BEFORE UPDATE ON lifting_slip "
    f"WHEN {_SLIP_STAYS} <> {_SLIP_STAYS.replace('NEW', 'OLD')} "
    f"BEGIN SELECT RAISE(ABORT, '{_NO_OTHER}'); END",
    "CREATE TRIGGER guard_weighing_covered BEFORE INSERT ON lifting_weighing WHEN EXISTS "
    "(SELECT 1 FROM lifting_slip s JOIN lifting_order o ON o.id = s.order_id "
    f"WHERE s.id = NEW.slip_id AND ({_weighed('sqlite')})) BEGIN SELECT RAISE(ABORT, '{_NO_LIFTING}'); END",
]
POSTGRES = {
    "order_served": (
        "BEFORE INSERT ON lifting_order",
        f"""
BEGIN
  IF {_placed("postgresql")} THEN
    RAISE EXCEPTION '{_NO_BUSINESS}' {_HOW};
  END IF;
  RETURN NEW;
END """,
    ),
    "slip_covered": (
        "BEFORE INSERT OR UPDATE ON lifting_slip",
        f"""
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
    ),
    "weighing_covered": (
        "BEFORE INSERT ON lifting_weighing",
        f"""
BEGIN
  PERFORM 1 FROM lifting_slip WHERE id = NEW.slip_id FOR UPDATE;
  IF EXISTS (SELECT 1 FROM lifting_slip s JOIN lifting_order o ON o.id = s.order_id
    WHERE s.id = NEW.slip_id AND ({_weighed("postgresql")})) THEN
    RAISE EXCEPTION '{_NO_LIFTING}' {_HOW};
  END IF;
  RETURN NEW;
END """,
    ),
}


def upgrade() -> None:
    """Triggers on orders, slips and weighings."""
    if op.get_bind().dialect.name == "sqlite":
        for statement in SQLITE:
            op.execute(statement)
        return
    for name, (when, body) in POSTGRES.items():
        op.execute(f"CREATE OR REPLACE FUNCTION tierflow_{name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$")
        op.execute(f"CREATE TRIGGER guard_{name} {when} FOR EACH ROW EXECUTE FUNCTION tierflow_{name}()")


def downgrade() -> None:
    """Without them."""
    if op.get_bind().dialect.name == "sqlite":
        for name in ("weighing_covered", "slip_stays", "slip_covered", "order_served"):
            op.execute(f"DROP TRIGGER guard_{name}")
        return
    for name, (when, _body) in reversed(POSTGRES.items()):
        op.execute(f"DROP TRIGGER guard_{name}{when[when.index(' ON ') :]}")
        op.execute(f"DROP FUNCTION tierflow_{name}()")
