"""Which line of the offtake ledger may be taken back by itself (CHEM-2)."""

from __future__ import annotations

from tierflow.kernel.errors import Refusal
from tierflow.kernel.text import text

CLAUSE = "CHEM-2"


def why_not_reverse(from_erp: bool, is_reversal: bool, left_grams: int) -> tuple[Refusal, ...]:
    """A line of the ERP of which something still counts; what our own gate weighed comes back through the gate."""
    if is_reversal:
        return (Refusal(CLAUSE, text("This line is itself a reversal.")),)
    if not from_erp:
        return (Refusal(CLAUSE, text("Our gate weighed this: goods come back through the gate.")),)
    if left_grams <= 0:
        return (Refusal(CLAUSE, text("All of this line was taken back already.")),)
    return ()
