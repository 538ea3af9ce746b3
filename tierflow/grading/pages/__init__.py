"""The screens of levels, reviews and policy drafts."""

from __future__ import annotations

from flask import Flask

from tierflow.grading.pages import (  # noqa: F401 - each registers its views on the blueprint
    drafts,
    inputs,
    levels,
    reviews,
    watching,
)
from tierflow.grading.pages.blueprint import bp
from tierflow.grading.pages.waiting import KINDS, source
from tierflow.grading.pages.watching import TAB
from tierflow.kernel.text import mark
from tierflow.web.navigation import Nav

NAV = [
    Nav(mark("Levels and reviews"), 40, mark("Tonnes to go"), "bullseye", "grading.ways", "grading.read"),
    Nav(mark("Levels and reviews"), 41, mark("Monthly levels"), "star", "grading.listing", "grading.read"),
    Nav(
        mark("Levels and reviews"),
        42,
        mark("Monthly indicators"),
        "speedometer2",
        "grading.month_facts",
        "grading.read",
    ),
    Nav(mark("Levels and reviews"), 43, mark("Levels by hand"), "pin-angle", "grading.pin_list", "grading.read"),
    Nav(mark("Levels and reviews"), 44, mark("Periodic reviews"), "clipboard-data", "grading.reviews", "review.read"),
    Nav(
        mark("Levels and reviews"),
        45,
        mark("Policy drafts"),
        "sliders",
        "grading.drafts",
        "draft.read",
        holds=("/levels/trials/",),
    ),
]


def init(app: Flask) -> None:
    """Attach the screens: routes, navigation, inbox, the customer's page."""
    app.register_blueprint(bp)
    app.extensions["nav"] += NAV
    app.extensions["inbox_kinds"].update(KINDS)
    app.extensions["inbox_sources"].append(source)
    app.extensions["customer_tabs"].insert(0, TAB)
