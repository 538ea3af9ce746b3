"""Tables of lifting: the order and its slips, the money on it, and the bank's statements."""

from tierflow.lifting.models import guards  # noqa: F401 - declared, so that the start finds them missing
from tierflow.lifting.models.bank import BankLine, BankStatement
from tierflow.lifting.models.confirmed import GateConfirmation
from tierflow.lifting.models.money import Invoice, Money, Settlement
from tierflow.lifting.models.orders import LiftingOrder, Return, Slip, Weighing

__all__ = [
    "BankLine",
    "BankStatement",
    "GateConfirmation",
    "Invoice",
    "LiftingOrder",
    "Money",
    "Return",
    "Settlement",
    "Slip",
    "Weighing",
]
