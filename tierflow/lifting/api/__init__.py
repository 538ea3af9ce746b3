"""The JSON API of lifting: everything the screens do."""

from __future__ import annotations

from tierflow.lifting.api import bank, gate, offtake, orders

BLUEPRINTS = (orders.blp, gate.blp, bank.blp, offtake.blp)
