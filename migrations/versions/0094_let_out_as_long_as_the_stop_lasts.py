"""Goods let out are weighed as long as the stop lasts they were let out in, in the data too (CHEM-2, 15, 17)."""
# ruff: noqa: S608 - every word of it is written here

from __future__ import annotations

from alembic import op

revision = "0094"
down_revision = "0091"
branch_labels = None
depends_on = None

MERGED = "merged_licence"
JOINT = "tax_registration_joint"
SEPARATE = ("tax_registration_national", "tax_registration_local")
OLD_PAPERS = ("business_licence", "organisation_code_certificate")


def uncovered(customer: str, day: str) -> str:
    """The papers on file do not cover a day."""

    def held(kind: str) -> str:
        return (
            f"EXISTS (SELECT 1 FROM paper_cover p WHERE p.customer_id = {customer} AND p.kind = '{kind}' "
            f"AND p.counts_from <= {day} AND (p.valid_to IS NULL OR p.valid_to >= {day}))"
        )

    old, taxes = (" AND ".join(held(kind) for kind in kinds) for kinds in (OLD_PAPERS, SEPARATE))
    return f"NOT ({held(MERGED)} OR ({old} AND ({held(JOINT)} OR ({taxes}))))"


def stands_still(customer: str, day: str) -> str:
    """Business with a customer stands still on a day."""
    out = f"EXISTS (SELECT 1 FROM customer c WHERE c.id = {customer} AND c.disqualified_on <= {day})"
    return f"({out} OR {uncovered(customer, day)})"


def _day(instant: str, dialect: str) -> str:
    """The day in Shanghai of an instant."""
    return f"date({instant}, '+8 hours')" if dialect == "sqlite" else f"({instant} AT TIME ZONE 'Asia/Shanghai')::date"


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


def _before(dialect: str) -> str:
    """Conditions on the slip `s` and its order `o` under which a new weighing is refused."""
    gone = "(SELECT coalesce(sum(w.grams), 0) FROM lifting_weighing w WHERE w.slip_id = s.id)"
    back = (
        "(SELECT coalesce(sum(r.grams), 0) FROM lifting_return r JOIN lifting_weighing w ON w.id = r.weighing_id "
        "WHERE w.slip_id = s.id)"
    )
    stopped = stands_still("o.customer_id", _day("NEW.recorded_at", dialect))
    let_out = f"(o.let_out_on IS NOT NULL AND {stands_still('o.customer_id', 'o.let_out_on')})"
    return f"o.id <> NEW.order_id OR {gone} - {back} + NEW.grams > s.lifted_grams OR ({stopped} AND NOT {let_out})"


_NO_LIFTING = "lifting_weighing: more than released, or business stands still"


def _put(refused: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER guard_weighing_covered")
        op.execute(
            "CREATE TRIGGER guard_weighing_covered BEFORE INSERT ON lifting_weighing WHEN EXISTS "
            "(SELECT 1 FROM lifting_slip s JOIN lifting_order o ON o.id = s.order_id "
            f"WHERE s.id = NEW.slip_id AND ({refused})) BEGIN SELECT RAISE(ABORT, '{_NO_LIFTING}'); END"
        )
        return
    body = f"""
BEGIN
  PERFORM 1 FROM lifting_slip WHERE id = NEW.slip_id FOR UPDATE;
  IF EXISTS (SELECT 1 FROM lifting_slip s JOIN lifting_order o ON o.id = s.order_id
    WHERE s.id = NEW.slip_id AND ({refused})) THEN
    RAISE EXCEPTION '{_NO_LIFTING}' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END """
    op.execute(f"CREATE OR REPLACE FUNCTION tierflow_weighing_covered() RETURNS trigger LANGUAGE plpgsql AS $${body}$$")


def upgrade() -> None:
    """What was let out and served again meanwhile waits for another leave."""
    _put(_weighed(op.get_bind().dialect.name))


def downgrade() -> None:
    """As 0089 has it."""
    _put(_before(op.get_bind().dialect.name))
