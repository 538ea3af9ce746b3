"""The acts on an order as data: one row gives the form's page, the form's door and the API's door.

Each verb has the shape (session, actor, order id, command, now); the words are for people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.kernel.roles import Actor
from tierflow.kernel.text import mark
from tierflow.lifting.schemas import given
from tierflow.lifting.service import money, orders
from tierflow.web.schemas import ReasonSchema, Schema

Verb = Callable[[Session, Actor, int, Mapping[str, Any], datetime], Any]


@dataclass(frozen=True)
class Act:
    """One act: its address, the action of the permission table, what it is given, the verb, and its words."""

    key: str
    action: str
    schema: type[Schema]
    verb: Verb
    title: str
    done: str
    hint: str = ""
    clause: str = "CHEM-2"
    icon: str = "check-lg"


ACTS: tuple[Act, ...] = (
    Act(
        "receive",
        "order.pay",
        given.ReceiveSchema,
        money.receive,
        mark("Confirm a payment"),
        mark("The payment is confirmed; sales is told."),
        mark("Only confirmed money lets goods out. A payer other than the customer is flagged."),
        icon="cash-coin",
    ),
    Act(
        "release",
        "order.release",
        given.ReleaseSchema,
        orders.release,
        mark("Release goods"),
        mark("Released. Print the gate slip for the driver."),
        mark("Payment comes first: never more than the confirmed money covers."),
        icon="box-arrow-up-right",
    ),
    Act(
        "withdraw",
        "order.release",
        given.WithdrawReleaseSchema,
        orders.withdraw,
        mark("Take a release back"),
        mark("Taken back; the slip is worth nothing any more."),
        mark("What is left on the slip stays in the warehouse; the money for it is free again."),
        icon="box-arrow-in-down-left",
    ),
    Act(
        "let-out",
        "order.let_out",
        ReasonSchema,
        orders.let_out,
        mark("Let this order out"),
        mark("The gate lets this order out."),
        mark("Business with the customer stands still. Only this order's released goods pass the gate."),
        clause="CHEM-15",
        icon="unlock",
    ),
    Act(
        "settle",
        "order.settle",
        given.SettleOrderSchema,
        money.settle,
        mark("Settle the order"),
        mark("Settled."),
        mark("Lifted times price against what was received; the balance is refunded or carried over."),
        clause="CHEM-5",
        icon="calculator",
    ),
    Act(
        "invoice",
        "order.settle",
        given.InvoiceSchema,
        money.invoice,
        mark("Record an invoice"),
        mark("The invoice is on record."),
        mark("The invoice is issued elsewhere. It keeps the invoicing particulars in force; a red one is negative."),
        clause="CHEM-5",
        icon="receipt",
    ),
    Act(
        "refund",
        "order.pay",
        given.RefundSchema,
        money.refund,
        mark("Refund money"),
        mark("The refund is on record."),
        mark("Only what does not pay for released goods can go back."),
        icon="arrow-counterclockwise",
    ),
    Act(
        "carry",
        "order.pay",
        given.CarrySchema,
        money.carry,
        mark("Carry money over"),
        mark("Carried over."),
        mark("To another open order of the same customer, in one step."),
        clause="CHEM-5",
        icon="arrow-left-right",
    ),
    Act(
        "cancel",
        "order.write",
        ReasonSchema,
        orders.cancel,
        mark("Cancel the order"),
        mark("Cancelled. What was paid is owed back to the customer."),
        mark("Nothing of it may be released. Finance refunds what was paid."),
        icon="x-lg",
    ),
)
