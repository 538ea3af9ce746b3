"""JSON of account opening: everything the screens do, under /api/v1."""

from tierflow.onboarding.api import (
    applications,
    customers,
    deciding,
    exports,
    keeping,
    leaving,
    papers,
    portfolio,
    takeover,
)

BLUEPRINTS = (
    applications.blp,
    papers.blp,
    deciding.blp,
    customers.blp,
    keeping.blp,
    leaving.blp,
    takeover.blp,
    portfolio.blp,
    exports.blp,
)
