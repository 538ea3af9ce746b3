"""Which order a receipt belongs to: a proposal with its grounds, for finance to confirm (CHEM-2)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

ORDER_NUMBER = re.compile(r"TD-?([0-9]{4})-?([0-9]{6})")


@dataclass(frozen=True)
class OpenOrder:
    """An order that waits for money. Keys as `common.customers` makes them."""

    order_id: int
    number: str
    account_key: str
    name_key: str
    missing_fen: int


@dataclass(frozen=True)
class Receipt:
    """What came in, less what was matched already."""

    account_key: str
    name_key: str
    fen: int
    memo: str


@dataclass(frozen=True)
class Proposal:
    """The order it seems to be for, how much of it, and why: number, account, name, amount; the strongest first."""

    order_id: int
    fen: int
    grounds: tuple[str, ...]
    is_other_payer: bool


def numbers_in(memo: str) -> tuple[str, ...]:
    """Order numbers somebody wrote into a remittance note, in our form."""
    folded = unicodedata.normalize("NFKC", memo).upper().replace(" ", "")
    return tuple(f"TD-{year}-{number}" for year, number in ORDER_NUMBER.findall(folded))


def propose(receipt: Receipt, orders: Sequence[OpenOrder]) -> Proposal | None:
    """The likeliest order, or None. `orders` come oldest first: of equals the one that waits longest is meant.

    A number in the note says it; else the payer's account, else its name, each stronger with the exact amount. An
    amount alone speaks only where a single order waits for just that.
    """
    named = numbers_in(receipt.memo)
    alone = sum(order.missing_fen == receipt.fen for order in orders) == 1
    best: tuple[int, OpenOrder, tuple[str, ...]] | None = None
    for order in orders:
        grounds = _grounds(receipt, order, named)
        score = sum(_WEIGHTS[ground] for ground in grounds)
        if grounds == ("amount",) and not alone:
            continue
        if score and (best is None or score > best[0]):
            best = (score, order, grounds)
    if best is None:
        return None
    _score, order, grounds = best
    is_other = receipt.account_key != order.account_key if receipt.account_key else receipt.name_key != order.name_key
    return Proposal(order.order_id, min(receipt.fen, order.missing_fen), grounds, is_other)


_WEIGHTS = {"number": 8, "account": 4, "name": 2, "amount": 1}


def _grounds(receipt: Receipt, order: OpenOrder, named: Sequence[str]) -> tuple[str, ...]:
    found = {
        "number": order.number in named,
        "account": bool(receipt.account_key) and receipt.account_key == order.account_key,
        "name": bool(receipt.name_key) and receipt.name_key == order.name_key,
        "amount": receipt.fen == order.missing_fen,
    }
    return tuple(ground for ground, holds in found.items() if holds)
