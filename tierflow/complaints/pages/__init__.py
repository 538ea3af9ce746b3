"""The screens of complaints and inquiries."""

from __future__ import annotations

from flask import Flask

from tierflow.complaints.pages import (  # noqa: F401 - each registers its views on the blueprint
    acting,
    deciding,
    desk,
    digest,
    errands,
    figures,
    intake,
    looking,
    printing,
    redating,
)
from tierflow.complaints.pages.blueprint import bp
from tierflow.complaints.pages.views import summary
from tierflow.complaints.pages.waiting import KINDS, find, source
from tierflow.kernel.text import mark
from tierflow.web.navigation import Nav

NAV = [
    Nav(mark("Customers"), 20, mark("Complaints"), "chat-square-dots", "complaints.board", "complaint.read"),
    Nav(mark("Customers"), 21, mark("Inquiries"), "question-circle", "complaints.inquiries", "inquiry.read"),
    Nav(mark("Customers"), 22, mark("Morning digest"), "sunrise", "complaints.digest", "complaint.digest"),
]


def init(app: Flask) -> None:
    """Attach the screens: routes, navigation, inbox, search."""
    app.register_blueprint(bp)
    app.extensions["nav"] += NAV
    app.extensions["inbox_kinds"].update(KINDS)
    app.extensions["inbox_sources"].append(source)
    app.extensions["finders"].append(find)
    app.extensions["summaries"]["complaint_opinion"] = summary
    app.extensions["summaries"]["complaint_extension"] = summary
