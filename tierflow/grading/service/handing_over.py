"""What waits for an office in grading, whoever holds it (CHEM-3.3): levels are confirmed for the whole company.

Levels by hand and policy drafts handed in are approvals: they wait with the cases.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from tierflow.common.desks import Desk, Vacancy
from tierflow.common.policies import PolicyVersion
from tierflow.common.portfolios import count_rows
from tierflow.grading.models import GradingRun, Review
from tierflow.kernel.roles import Role
from tierflow.kernel.text import mark


def _runs(session: Session, vacancy: Vacancy) -> int:
    return count_rows(session, GradingRun, GradingRun.state.in_(("computing", "proposed")), vacancy.left())


def _reviews(session: Session, vacancy: Vacancy) -> int:
    return count_rows(session, Review, Review.state == "frozen", Review.confirmed < Review.customers, vacancy.left())


def _drafts(session: Session, vacancy: Vacancy) -> int:
    return count_rows(session, PolicyVersion, PolicyVersion.state == "draft", vacancy.left())


_SALES = frozenset({Role.SALES_MANAGER})
DESKS = (
    # Confirmed late, levels are the general manager's too.
    Desk("levels", mark("Levels of a month to confirm"), _SALES | {Role.GENERAL_MANAGER}, _runs),
    Desk("reviews", mark("Reviews to confirm"), _SALES, _reviews),
    Desk("policies", mark("Policy drafts"), _SALES, _drafts),
)
