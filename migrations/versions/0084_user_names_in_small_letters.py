"""User names in small letters: `tierflow init` once kept capitals as typed, and signing in asks without them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0084"
down_revision = "0083"
branch_labels = None
depends_on = None

account = sa.table("user_account", sa.column("id", sa.BigInteger()), sa.column("login", sa.String()))


def upgrade() -> None:
    """Fold capitals and outer blanks. Where the name is taken, the later account gets a number after it."""
    rows = op.get_bind().execute(sa.select(account.c.id, account.c.login).order_by(account.c.id)).all()
    taken = {row.login for row in rows}
    for row in rows:
        folded = row.login.strip().casefold()
        if folded == row.login:
            continue
        free, number = folded, 1
        while free in taken:
            number += 1
            free = f"{folded}-{number}"
        taken.add(free)
        op.execute(account.update().where(account.c.id == row.id).values(login=free))


def downgrade() -> None:
    """Leave them small: both ways of signing in know them so."""
