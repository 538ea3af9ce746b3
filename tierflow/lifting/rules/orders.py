"""What may happen to a lifting order: paid before released, released before lifted (CHEM-2), settled exactly (CHEM-5).

Quantities are grams, money is fen, prices are fen per tonne. Comparisons are made on grams times price, so that not a
gram goes out unpaid to rounding; only the amount of a settlement is rounded, once, half up to the fen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from tierflow.kernel.errors import Refusal
from tierflow.kernel.money import format_yuan
from tierflow.kernel.text import mark, text
from tierflow.kernel.tonnage import GRAMS_PER_TONNE, format_tonnes

PAID_FIRST = "CHEM-2"
SETTLING = "CHEM-5"

OURS = "TD-"
"""How the numbers of our orders begin; those of their slips and exit passes go on from there."""

# What a 64-bit column can multiply: 50,000 t at 1,000,000 yuan a tonne, a thousandfold of any order.
MOST_GRAMS = 50_000 * GRAMS_PER_TONNE
MOST_PRICE_FEN = 100_000_000
MOST_FEN = 5_000_000_000_000


class State(StrEnum):
    """Where an order stands."""

    PLACED = "placed"
    PAID = "paid"
    RELEASED = "released"
    LIFTED = "lifted"
    SETTLED = "settled"
    CANCELLED = "cancelled"


STATE_LABELS = {
    State.PLACED: mark("Placed"),
    State.PAID: mark("Payment confirmed"),
    State.RELEASED: mark("Released"),
    State.LIFTED: mark("Lifted"),
    State.SETTLED: mark("Settled"),
    State.CANCELLED: mark("Cancelled"),
}
FORM_LABELS = {"auction": mark("Auction"), "planned": mark("Planned")}


@dataclass(frozen=True)
class Standing:
    """An order as the rules see it. `money_fen`: confirmed less refunded and carried over."""

    quantity_grams: int
    price_fen: int
    money_fen: int = 0
    released_grams: int = 0
    lifted_grams: int = 0
    settled_fen: int | None = None
    is_cancelled: bool = False

    @property
    def is_closed(self) -> bool:
        """Nothing more is released or lifted."""
        return self.is_cancelled or self.settled_fen is not None

    @property
    def owed_fen(self) -> int:
        """What the whole order costs, rounded up: with it, every gram can be released."""
        return cost_fen(self.quantity_grams, self.price_fen)

    @property
    def missing_fen(self) -> int:
        """What is still to be paid for the whole quantity."""
        return max(0, self.owed_fen - self.money_fen)

    @property
    def bound_fen(self) -> int:
        """Money that must stay: the cost of what is released, or what was settled, nothing once cancelled."""
        if self.is_cancelled:
            return 0
        return cost_fen(self.released_grams, self.price_fen) if self.settled_fen is None else self.settled_fen

    @property
    def free_fen(self) -> int:
        """Money that can be refunded or carried over."""
        return self.money_fen - self.bound_fen

    @property
    def releasable_grams(self) -> int:
        """What the money still covers, and never more than was ordered."""
        if self.is_closed:
            return 0
        paid_for = self.money_fen * GRAMS_PER_TONNE // self.price_fen
        return max(0, min(self.quantity_grams, paid_for) - self.released_grams)

    @property
    def liftable_grams(self) -> int:
        """What is released and not lifted yet."""
        return 0 if self.is_closed else self.released_grams - self.lifted_grams


def cost_fen(grams: int, price_fen: int) -> int:
    """Grams times price, rounded up to the fen: what must be there before they go out."""
    return -(-grams * price_fen // GRAMS_PER_TONNE)


def value_fen(grams: int, price_fen: int) -> int:
    """Grams times price, half up to the fen: what is settled (CHEM-5). Never above `cost_fen`."""
    return (2 * grams * price_fen + GRAMS_PER_TONNE) // (2 * GRAMS_PER_TONNE)


def state_of(order: Standing) -> State:
    """The state that follows from the figures; the one that is stored is never anything else."""
    if order.is_cancelled:
        return State.CANCELLED
    if order.settled_fen is not None:
        return State.SETTLED
    if order.released_grams:
        return State.LIFTED if order.lifted_grams == order.released_grams else State.RELEASED
    return State.PAID if order.money_fen else State.PLACED


def _is_open(order: Standing) -> Iterable[Refusal]:
    if order.is_cancelled:
        yield Refusal("house", text("The order was cancelled."))
    elif order.settled_fen is not None:
        yield Refusal(SETTLING, text("The order is settled."))


def why_not_place(quantity_grams: int, price_fen: int) -> tuple[Refusal, ...]:
    """Quantity and price are above nothing and within what can be reckoned."""
    found = []
    if not 0 < quantity_grams <= MOST_GRAMS:
        reason = text("Between 0 and %(most)s t.", most=format_tonnes(MOST_GRAMS))
        found.append(Refusal(PAID_FIRST, reason, "tonnes"))
    if not 0 < price_fen <= MOST_PRICE_FEN:
        reason = text("Between 0 and %(most)s yuan a tonne.", most=format_yuan(MOST_PRICE_FEN))
        found.append(Refusal(PAID_FIRST, reason, "price"))
    return tuple(found)


def why_not_form(level: str | None, form_of_sale: str) -> tuple[Refusal, ...]:
    """A customer at auction buys by auction only; ordinary and above are planned and may bid too (CHEM-9.1).

    `level` None: the line has no levels.
    """
    if level != "auction" or form_of_sale == "auction":
        return ()
    reason = text("This customer is at auction level on this line: it buys by auction only.")
    return (Refusal("CHEM-9.1", reason, "form_of_sale"),)


def why_not_receive(order: Standing, fen: int) -> tuple[Refusal, ...]:
    """Money is confirmed on an open order, and only as much as a column holds."""
    found = list(_is_open(order))
    if order.money_fen + fen > MOST_FEN:
        found.append(Refusal(PAID_FIRST, text("This is more than an order can hold."), "amount"))
    return tuple(found)


def covered_since(owed_fen: int, movements: Iterable[tuple[date, int]]) -> date | None:
    """The day from which money has covered what is owed, each movement (in is positive) taken on its value date.

    Not the day finance learnt of it: receipts are matched in any order. None: it does not cover it.
    """
    by_day: dict[date, int] = defaultdict(int)
    for day, fen in movements:
        by_day[day] += fen
    there, since = 0, None
    for day, fen in sorted(by_day.items()):
        there += fen
        since = (since or day) if there >= owed_fen else None
    return since


def why_not_release(order: Standing, grams: int) -> tuple[Refusal, ...]:
    """Never more than ordered, never more than paid for (款到发货)."""
    found = list(_is_open(order))
    total = order.released_grams + grams
    if total > order.quantity_grams:
        left = format_tonnes(order.quantity_grams - order.released_grams)
        found.append(Refusal(PAID_FIRST, text("Only %(left)s t of the order are left.", left=left), "tonnes"))
    if total * order.price_fen > order.money_fen * GRAMS_PER_TONNE:
        missing = format_yuan(cost_fen(total, order.price_fen) - order.money_fen)
        reason = text("Payment comes first: %(missing)s yuan are missing for this quantity.", missing=missing)
        found.append(Refusal(PAID_FIRST, reason, "tonnes"))
    return tuple(found)


def why_not_withdraw(order: Standing, left_grams: int) -> tuple[Refusal, ...]:
    """A release is taken back as long as something of it is still in the warehouse."""
    found = list(_is_open(order))
    if left_grams <= 0:
        found.append(Refusal(PAID_FIRST, text("Everything on this slip was lifted or taken back.")))
    return tuple(found)


def why_not_lift(order: Standing, left_grams: int, grams: int) -> tuple[Refusal, ...]:
    """Never more than the slip still has."""
    found = list(_is_open(order))
    if grams > left_grams:
        reason = text("Only %(left)s t are left on this slip.", left=format_tonnes(max(0, left_grams)))
        found.append(Refusal(PAID_FIRST, reason, "tonnes"))
    return tuple(found)


def why_not_return(left_grams: int, grams: int) -> tuple[Refusal, ...]:
    """A return takes back no more than what is left of the lifting it names."""
    if grams <= left_grams:
        return ()
    reason = text("Only %(left)s t of this lifting have not come back.", left=format_tonnes(left_grams))
    return (Refusal(PAID_FIRST, reason, "tonnes"),)


def why_not_pay_out(order: Standing, fen: int) -> tuple[Refusal, ...]:
    """What pays for released goods stays on the order."""
    if fen > order.free_fen:
        reason = text("Only %(free)s yuan are free on this order.", free=format_yuan(max(0, order.free_fen)))
        return (Refusal(PAID_FIRST, reason, "amount"),)
    return ()


def why_not_cancel(order: Standing) -> tuple[Refusal, ...]:
    """Nothing released may be outstanding; money on the order is refunded afterwards."""
    found = list(_is_open(order))
    if order.lifted_grams:
        found.append(Refusal(SETTLING, text("Goods were lifted: settle the order instead.")))
    elif order.released_grams:
        found.append(Refusal(PAID_FIRST, text("Take the released goods back first.")))
    return tuple(found)


def why_not_settle(order: Standing) -> tuple[Refusal, ...]:
    """Settled is what was lifted: nothing released may still lie in the warehouse (CHEM-5)."""
    found = list(_is_open(order))
    if not order.lifted_grams:
        found.append(Refusal(SETTLING, text("Nothing was lifted: cancel the order instead.")))
    if order.liftable_grams:
        left = format_tonnes(order.liftable_grams)
        reason = text("%(left)s t are released and not lifted: have them lifted, or take them back.", left=left)
        found.append(Refusal(SETTLING, reason))
    return tuple(found)


def why_not_invoice(settled_fen: int | None, invoiced_fen: int, fen: int) -> tuple[Refusal, ...]:
    """Invoices add up to no more than what was settled; a red one takes back no more than was invoiced."""
    if settled_fen is None:
        return (Refusal(SETTLING, text("Settle the order first.")),)
    if invoiced_fen + fen > settled_fen:
        left = format_yuan(settled_fen - invoiced_fen)
        return (Refusal(SETTLING, text("Only %(left)s yuan are left to invoice.", left=left), "amount"),)
    if invoiced_fen + fen < 0:
        reason = text("Only %(done)s yuan were invoiced.", done=format_yuan(invoiced_fen))
        return (Refusal(SETTLING, reason, "amount"),)
    return ()
