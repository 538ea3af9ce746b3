"""Known roles only, adopted policy that never changes, words compared byte by byte, customers in the order of names."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from pypinyin import lazy_pinyin

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ROLES = (
    "account_manager",
    "sales_manager",
    "finance_reviewer",
    "general_manager",
    "resident_office",
    "warehouse_keeper",
    "distribution_company",
    "committee_member",
    "administrator",
)
KNOWN_ROLE = f"role IN ({', '.join(repr(role) for role in ROLES)})"
PERIOD = "to_on IS NULL OR to_on > from_on"
SCOPE = (
    "(role = 'sales_manager') = (region_id IS NOT NULL) AND (role = 'resident_office') = (office_id IS NOT NULL) "
    "AND (role = 'warehouse_keeper') = (warehouse_id IS NOT NULL)"
)
COLUMNS = (
    "id, user_id, role, region_id, office_id, warehouse_id, from_on, to_on, "
    "proposed_by_id, approved_by_id, approved_at, revoked_by_id, revoked_at"
)
ADOPTED = {
    "sqlite": [
        f"CREATE TRIGGER guard_policy_version_{verb} BEFORE {verb.upper()} ON policy_version "
        "WHEN old.state = 'adopted' BEGIN SELECT RAISE(ABORT, 'policy_version is append-only'); END"
        for verb in ("update", "delete")
    ],
    "postgresql": [
        "CREATE TRIGGER guard_policy_version_row BEFORE UPDATE OR DELETE ON policy_version "
        "FOR EACH ROW WHEN (old.state::text = 'adopted'::text) EXECUTE FUNCTION tierflow_refuse()",
        "CREATE TRIGGER guard_policy_version_truncate BEFORE TRUNCATE ON policy_version "
        "FOR EACH STATEMENT EXECUTE FUNCTION tierflow_refuse()",
    ],
}
TRIGGERS = {"sqlite": ("update", "delete"), "postgresql": ("row", "truncate")}
EXACT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Known roles only, adopted policy that never changes, words compared byte by byte, customers by name."""
    dialect = op.get_bind().dialect.name
    if dialect == "sqlite":
        _remake_role_grant(KNOWN_ROLE)
    else:
        op.create_check_constraint(op.f("ck_role_grant_role"), "role_grant", KNOWN_ROLE)
        op.drop_index("ix_search_key_key", table_name="search_key")
        op.execute('ALTER TABLE search_key ALTER COLUMN key TYPE VARCHAR COLLATE "C"')
        op.create_index("ix_search_key_key", "search_key", ["key", "subject_type", "subject_id"])
    for statement in ADOPTED[dialect]:
        op.execute(statement)
    op.add_column("customer", sa.Column("name_sort", EXACT, nullable=False, server_default=sa.text("''")))
    op.create_index("ix_customer_name_sort", "customer", ["name_sort", "number"])
    _sort_names()


def downgrade() -> None:
    """Take it back."""
    dialect = op.get_bind().dialect.name
    op.drop_index("ix_customer_name_sort", table_name="customer")
    op.drop_column("customer", "name_sort")
    for what in TRIGGERS[dialect]:
        where = " ON policy_version" if dialect == "postgresql" else ""
        op.execute(f"DROP TRIGGER guard_policy_version_{what}{where}")
    if dialect == "sqlite":
        _remake_role_grant(None)
        return
    op.drop_index("ix_search_key_key", table_name="search_key")
    op.execute('ALTER TABLE search_key ALTER COLUMN key TYPE VARCHAR COLLATE "default"')
    op.create_index(
        "ix_search_key_key",
        "search_key",
        ["key", "subject_type", "subject_id"],
        postgresql_ops={"key": "text_pattern_ops"},
    )
    op.drop_constraint(op.f("ck_role_grant_role"), "role_grant", type_="check")


def _remake_role_grant(known_role: str | None) -> None:
    """SQLite adds no check to a table that stands. No trigger guards this one and no key leads to it."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    checks = [sa.CheckConstraint(SCOPE, name=op.f("ck_role_grant_scope"))]
    checks.append(sa.CheckConstraint(PERIOD, name=op.f("ck_role_grant_period")))
    if known_role is not None:
        checks.append(sa.CheckConstraint(known_role, name=op.f("ck_role_grant_role")))
    led = {
        "user_id": "user_account",
        "region_id": "region",
        "office_id": "office",
        "warehouse_id": "warehouse",
        "proposed_by_id": "user_account",
        "approved_by_id": "user_account",
        "revoked_by_id": "user_account",
    }
    op.create_table(
        "role_grant_anew",
        sa.Column("id", key, nullable=False),
        sa.Column("user_id", key, nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("region_id", key, nullable=True),
        sa.Column("office_id", key, nullable=True),
        sa.Column("warehouse_id", key, nullable=True),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("to_on", sa.Date(), nullable=True),
        sa.Column("proposed_by_id", key, nullable=True),
        sa.Column("approved_by_id", key, nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by_id", key, nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        *checks,
        *(
            sa.ForeignKeyConstraint([column], [f"{table}.id"], name=op.f(f"fk_role_grant_{column}"))
            for column, table in sorted(led.items())
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grant")),
    )
    op.execute(f"INSERT INTO role_grant_anew ({COLUMNS}) SELECT {COLUMNS} FROM role_grant")  # noqa: S608 - no input
    op.drop_table("role_grant")
    op.rename_table("role_grant_anew", "role_grant")
    op.create_index("ix_role_grant_role", "role_grant", ["role", "region_id"])
    op.create_index("ix_role_grant_user_id", "role_grant", ["user_id"])
    scopes = [sa.text(f"coalesce({column}, 0)") for column in ("region_id", "office_id", "warehouse_id")]
    op.create_index(
        "uq_role_grant_live",
        "role_grant",
        ["user_id", "role", *scopes],
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL AND to_on IS NULL"),
    )


def _sort_names() -> None:
    """The customers there are, by the pinyin of their names; a thousand at a time."""
    customer = sa.table("customer", sa.column("id"), sa.column("name"), sa.column("name_sort"))
    connection, last = op.get_bind(), 0
    while rows := connection.execute(
        sa.select(customer.c.id, customer.c.name).where(customer.c.id > last).order_by(customer.c.id).limit(1000)
    ).all():
        connection.execute(
            customer.update().where(customer.c.id == sa.bindparam("row")).values(name_sort=sa.bindparam("word")),
            [{"row": row.id, "word": " ".join(lazy_pinyin(row.name.casefold()))[:120]} for row in rows],
        )
        last = rows[-1].id
