"""The screens of lifting: orders, the gate, the bank's receipts."""

from __future__ import annotations

from flask import Flask

from tierflow.kernel.text import mark
from tierflow.lifting.pages import (  # noqa: F401 - each registers its views on the blueprint
    acting,
    bank,
    gate,
    invoicing,
    ledger,
    looking,
    offtake,
    placing,
    printing,
)
from tierflow.lifting.pages.blueprint import bp
from tierflow.lifting.pages.selling import HEAD, TAB
from tierflow.lifting.pages.waiting import KINDS, find, source
from tierflow.web.navigation import Nav

NAV = [
    Nav(mark("Sales"), 30, mark("Lifting orders"), "truck", "lifting.listing", "order.read"),
    Nav(mark("Sales"), 31, mark("Bank receipts"), "bank", "lifting.receipts", "bank.read"),
    Nav(mark("Sales"), 31, mark("Invoices"), "receipt", "lifting.invoices", "order.read"),
    Nav(mark("Sales"), 34, mark("Offtake ledger"), "list-columns", "lifting.offtake_lines", "offtake.read"),
    Nav(mark("Sales"), 33, mark("Offtake imports"), "file-earmark-arrow-up", "lifting.offtake", "offtake.read"),
    Nav(mark("Sales"), 32, mark("Gate"), "door-open", "lifting.gate", "gate.read"),
]


def init(app: Flask) -> None:
    """Attach the screens: routes, navigation, inbox, search, the customer's page."""
    app.register_blueprint(bp)
    offtake.init(app)
    app.extensions["nav"] += NAV
    app.extensions["inbox_kinds"].update(KINDS)
    app.extensions["inbox_sources"].append(source)
    app.extensions["finders"].append(find)
    app.extensions["customer_heads"].append(HEAD)
    app.extensions["customer_tabs"].append(TAB)
