"""Policy terms of the file: findings (CHEM-8.2), scans of taken-over papers (CHEM-7.1), portfolios (CHEM-3.3)."""

from __future__ import annotations

from tierflow.kernel.policy import Term, Terms
from tierflow.kernel.terms import DAYS, WORKING_DAYS
from tierflow.kernel.text import mark

MEND_WORKING_DAYS = "inspection.mend_working_days"
SCAN_DAYS = "takeover.scan_days"
PORTFOLIO_WARN_DAYS = "portfolio.warn_days"

KEEPING_TERMS = Terms(
    [
        Term(
            MEND_WORKING_DAYS,
            "integer",
            10,
            "CHEM-8.2",
            mark("A finding of an inspection is mended within"),
            WORKING_DAYS,
            minimum=1,
            maximum=60,
        ),
        Term(
            SCAN_DAYS,
            "integer",
            90,
            "CHEM-7.1",
            mark("The scan of a taken-over paper is handed in within"),
            DAYS,
            minimum=1,
            maximum=730,
        ),
        Term(
            PORTFOLIO_WARN_DAYS,
            "integer",
            7,
            "CHEM-3.3",
            mark("A portfolio whose account manager's office ends is warned of before that day by"),
            DAYS,
            minimum=0,
            maximum=60,
        ),
    ]
)
