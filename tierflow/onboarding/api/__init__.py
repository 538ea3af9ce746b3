"""JSON of account opening: everything the screens do, under /api/v1."""

from tierflow.onboarding.api import (
    applications,
    blacklist,
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
    blacklist.blp,
    blacklist.lists,
    takeover.blp,
    portfolio.blp,
    exports.blp,
)
