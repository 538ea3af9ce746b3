"""A name alone readmits nobody: companies taken off the list of the disqualified for another's sake stand on it again."""

from __future__ import annotations

from alembic import op

revision = "0091"
down_revision = "0090"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Reopen what an application with another code closed, unless the company is a customer now (CHEM-17)."""
    op.execute(
        """
        UPDATE disqualified SET readmitted_on = NULL, readmitted_application_id = NULL
        WHERE readmitted_application_id IS NOT NULL
          AND (credit_code IS NOT NULL OR organisation_code IS NOT NULL)
          AND NOT EXISTS (
            SELECT 1 FROM application a WHERE a.id = disqualified.readmitted_application_id
              AND (a.credit_code = disqualified.credit_code OR a.organisation_code = disqualified.organisation_code))
          AND NOT EXISTS (
            SELECT 1 FROM customer c WHERE c.disqualified_on IS NULL
              AND (c.id = disqualified.customer_id OR c.credit_code = disqualified.credit_code
                OR c.organisation_code = disqualified.organisation_code))
        """
    )


def downgrade() -> None:
    """Leave them on the list: nobody readmitted them."""
