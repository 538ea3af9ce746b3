"""What waits in lifting for an office, whoever holds it (CHEM-3.3): the gate's releases, finance's orders and receipts.

Orders to be placed and released lie with the customer's account manager, and go with the customer.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from tierflow.common.desks import Desk, Vacancy
from tierflow.common.portfolios import count_rows
from tierflow.kernel.roles import Role
from tierflow.kernel.text import mark
from tierflow.lifting.models import BankLine, LiftingOrder, Slip
from tierflow.lifting.service.bank import OPEN


def _slips(session: Session, vacancy: Vacancy) -> int:
    is_open = Slip.lifted_grams + Slip.withdrawn_grams < Slip.grams
    return count_rows(session, Slip, is_open, vacancy.left(Slip.warehouse_id))


def _orders(session: Session, vacancy: Vacancy) -> int:
    """Money to confirm, goods to settle, money that goes back."""
    waits = LiftingOrder.state.in_(OPEN) | (LiftingOrder.owes_fen > 0)
    return count_rows(session, LiftingOrder, waits, vacancy.left())


def _receipts(session: Session, vacancy: Vacancy) -> int:
    is_open = (BankLine.matched_fen < BankLine.fen) & BankLine.put_aside_at.is_(None)
    return count_rows(session, BankLine, is_open, vacancy.left())


_FINANCE = frozenset({Role.FINANCE_REVIEWER})
DESKS = (
    Desk("gate", mark("Releases to be lifted"), frozenset({Role.WAREHOUSE_KEEPER}), _slips),
    Desk("orders", mark("Orders to be paid and settled"), _FINANCE, _orders),
    Desk("bank", mark("Receipts of the bank to be matched"), _FINANCE, _receipts),
)
