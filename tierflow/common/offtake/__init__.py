"""What customers lifted (提货量): an append-only ledger in grams, and its sums by month (CHEM-2).

Written by lifting and by imports, read by grading, allocation and the customer's page. A line is never changed or
taken back: a reversal names it and counts in its month. The sums are kept in the transaction that writes the lines.

`tables` are the two tables and their guards · `ledger` writes lines · `sums` keeps, reads and proves the months.
"""

from tierflow.common.offtake.ledger import Lifting, Plain, record, record_import, reverse, reverse_import
from tierflow.common.offtake.sums import monthly, sums_of, verify
from tierflow.common.offtake.tables import FORMS, KEY, SUMS, WEEKS, Offtake, OfftakeMonth

__all__ = [
    "FORMS",
    "KEY",
    "SUMS",
    "WEEKS",
    "Lifting",
    "Offtake",
    "OfftakeMonth",
    "Plain",
    "monthly",
    "record",
    "record_import",
    "reverse",
    "reverse_import",
    "sums_of",
    "verify",
]
