"""Policy terms of the contract register (CHEM-4), as data."""

from __future__ import annotations

from tierflow.kernel.policy import Term, Terms, distinct, every, not_empty
from tierflow.kernel.terms import DAYS
from tierflow.kernel.text import mark

CONTRACT_TERMS = Terms(
    [
        Term(
            "contracts.warn_days",
            "integers",
            (60, 30, 7),
            "CHEM-4",
            mark("Warn before a contract ends"),
            DAYS,
            minimum=1,
            maximum=365,
            check=every(not_empty, distinct),
        ),
    ]
)
