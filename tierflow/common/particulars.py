"""A customer's particulars as they were in force on a day, read back out of the audit (CHEM-5, CHEM-8.1).

A change that still waits for its examiner is in force nowhere: the customer's row is what serves. What was in force
earlier is that row with every later change taken back, the newest first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, time, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.audit import AuditEntry
from tierflow.common.customers import Customer
from tierflow.kernel.months import local_instant

SUBJECT = "customer"
CHANGED = "customer.change"  # written when a change comes into force, with the old values


def in_force_on(session: Session, customer: Customer, names: Iterable[str], on: date) -> dict[str, Any]:
    """The named particulars as they stood when the day ended. One query."""
    found = {name: getattr(customer, name) for name in names}
    day_after = local_instant(on + timedelta(days=1), time())
    later = select(AuditEntry.before).where(
        AuditEntry.subject_type == SUBJECT,
        AuditEntry.subject_id == customer.id,
        AuditEntry.action == CHANGED,
        AuditEntry.at >= day_after,
    )
    for before in session.scalars(later.order_by(AuditEntry.seq.desc())):
        found |= {name: before[name] for name in found.keys() & before.keys()}
    return found
