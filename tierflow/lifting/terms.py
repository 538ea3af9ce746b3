"""Policy terms of lifting (CHEM-2), as data."""

from __future__ import annotations

from tierflow.kernel.policy import Term, Terms
from tierflow.kernel.terms import WORKING_DAYS
from tierflow.kernel.text import mark

PAY_DAYS = "lifting.pay_days"

LIFTING_TERMS = Terms(
    [
        Term(
            PAY_DAYS,
            "integer",
            3,
            "CHEM-9.6",
            mark("An order is paid within"),
            WORKING_DAYS,
            minimum=1,
            maximum=60,
        ),
    ]
)
