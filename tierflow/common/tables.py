"""Imports every module of `common` that has tables, so that foreign keys find their targets."""

from tierflow.common import (
    approvals,
    audit,
    calendars,
    customers,
    decisions,
    files,
    filters,
    idempotency,
    lookup,
    notices,
    numbering,
    policies,
    reference,
    runs,
    sessions,
    users,
)

__all__ = [
    "approvals",
    "audit",
    "calendars",
    "customers",
    "decisions",
    "files",
    "filters",
    "idempotency",
    "lookup",
    "notices",
    "numbering",
    "policies",
    "reference",
    "runs",
    "sessions",
    "users",
]
