"""Orders as the templates show them: badges, bars, particulars, what to do next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from tierflow.common.acts import act_label
from tierflow.common.reference import Product, ProductLine
from tierflow.kernel.money import format_yuan
from tierflow.kernel.months import SHANGHAI, local_day
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.kernel.tonnage import format_tonnes
from tierflow.lifting.acts import ACTS
from tierflow.lifting.models import Slip, Weighing
from tierflow.lifting.rules import orders as rules
from tierflow.lifting.rules.codes import grouped
from tierflow.lifting.rules.orders import FORM_LABELS, STATE_LABELS, State
from tierflow.lifting.service import scope
from tierflow.lifting.service.orders import left_on
from tierflow.lifting.service.queries import Card, Whole
from tierflow.web.i18n import language, show
from tierflow.web.shell import moment

STATE_KINDS = {
    State.PLACED: ("warn", "hourglass-split"),
    State.PAID: ("info", "cash-coin"),
    State.RELEASED: ("info", "box-arrow-up-right"),
    State.LIFTED: ("ok", "truck"),
    State.SETTLED: ("neutral", "check2-circle"),
    State.CANCELLED: ("neutral", "x-circle"),
}


def named(row: Product | ProductLine) -> str:
    """The name in the reader's language."""
    return row.name_en if language() == "en" and row.name_en else row.name


def source_word(source: str) -> str:
    """Where a line of the ledger came from."""
    words: dict[str, str] = {"erp": _("ERP"), "gate": _("Our gate")}
    return words.get(source, source)


def state_badge(state: str) -> dict[str, str]:
    """Badge of a state: kind, icon, word."""
    kind, icon = STATE_KINDS[State(state)]
    return {"kind": kind, "icon": icon, "text": show(STATE_LABELS[State(state)])}


def share(part: int, whole: int) -> int:
    """Whole percent, rounded down."""
    return 100 * part // whole if whole else 0


def card(found: Card, now: datetime) -> dict[str, Any]:
    """An order in a list."""
    order, standing = found.order, found.standing
    is_late = order.state == State.PLACED and order.pay_by_on < local_day(now)
    return {
        "url": url_for("lifting.order", order_id=order.id),
        "number": order.number,
        "customer": found.customer.name,
        "product": named(found.product),
        "warehouse": found.warehouse.name,
        "form": show(FORM_LABELS[order.form_of_sale]),
        "state": state_badge(order.state),
        "tonnes": format_tonnes(order.quantity_grams),
        "price": format_yuan(order.price_fen),
        "lifted": format_tonnes(order.lifted_grams),
        "percent": share(order.lifted_grams, order.quantity_grams),
        "missing": format_yuan(standing.missing_fen) if standing.missing_fen and not standing.is_closed else "",
        "owes": format_yuan(order.owes_fen) if order.owes_fen else "",
        "pay_by": order.pay_by_on.isoformat(),
        "is_late": is_late,
        "held": [{"clause": each.clause, "reason": show(each.reason)} for each in found.held],
    }


def facts(found: Whole) -> list[dict[str, Any]]:
    """The particulars."""
    order = found.card.order
    return [
        {"label": _("Product"), "value": f"{named(found.line)} · {named(found.card.product)}"},
        {"label": _("Designated warehouse"), "value": found.card.warehouse.name},
        {"label": _("Quantity"), "value": f"{format_tonnes(order.quantity_grams)} {_('t')}"},
        {"label": _("Unit price"), "value": _("¥%(price)s a tonne", price=format_yuan(order.price_fen))},
        {"label": _("Form of sale"), "value": show(FORM_LABELS[order.form_of_sale])},
        {"label": _("To be paid by"), "value": order.pay_by_on.isoformat()},
        {"label": _("Placed on"), "value": moment(order.placed_at)},
        {"label": _("Account manager"), "value": found.account_manager},
        *([{"label": _("Remark"), "value": order.remark, "wide": True}] if order.remark else []),
    ]


def meters(found: Whole) -> list[dict[str, Any]]:
    """Paid, released, lifted: each as far as the one before it allows."""
    order, standing = found.card.order, found.card.standing
    whole_cost = standing.owed_fen
    return [
        {
            "label": _("Payment confirmed"),
            "text": f"¥{format_yuan(standing.money_fen)}",
            "note": _("of ¥%(total)s", total=format_yuan(whole_cost)),
            "percent": min(100, share(standing.money_fen, whole_cost)),
        },
        {
            "label": _("Released"),
            "text": f"{format_tonnes(order.released_grams)} {_('t')}",
            "note": _("of %(total)s t", total=format_tonnes(order.quantity_grams)),
            "percent": share(order.released_grams, order.quantity_grams),
        },
        {
            "label": _("Lifted"),
            "text": f"{format_tonnes(order.lifted_grams)} {_('t')}",
            "note": _("of %(total)s t", total=format_tonnes(order.quantity_grams)),
            "percent": share(order.lifted_grams, order.quantity_grams),
        },
    ]


def slip(row: Slip, weighings: Sequence[Weighing], returned: Mapping[int, int], order_id: int) -> dict[str, Any]:
    """A slip with its weighings."""
    left = left_on(row)
    if left and not row.lifted_grams:
        badge = {"kind": "info", "icon": "hourglass-split", "text": _("At the gate")}
    elif left:
        badge = {"kind": "info", "icon": "truck", "text": _("Lifted in part")}
    elif row.lifted_grams:
        badge = {"kind": "ok", "icon": "check2-circle", "text": _("Lifted")}
    else:
        badge = {"kind": "neutral", "icon": "x-circle", "text": _("Taken back")}
    return {
        "id": row.id,
        "number": row.number,
        "code": grouped(row.code),
        "tonnes": format_tonnes(row.grams),
        "left": format_tonnes(left) if left else "",
        "vehicle": row.vehicle,
        "driver": row.driver,
        "released_at": moment(row.released_at),
        "badge": badge,
        "print_url": url_for("lifting.print_slip", order_id=order_id, slip_id=row.id),
        "weighings": [weighing(each, returned) for each in weighings],
    }


def weighing(row: Weighing, returned: Mapping[int, int]) -> dict[str, Any]:
    """A weighing."""
    back = returned.get(row.id, 0)
    return {
        "number": row.number,
        "tonnes": format_tonnes(row.grams),
        "back": format_tonnes(back) if back else "",
        "vehicle": row.vehicle,
        "at": moment(row.weighed_at),
    }


def money_word(kind: str) -> str:
    """What a movement of money is called."""
    words = {
        "receipt": _("Money in"),
        "refund": _("Refund"),
        "carry_in": _("Carried in"),
        "carry_out": _("Carried over"),
    }
    return str(words[kind])


def timeline(found: Whole) -> list[dict[str, Any]]:
    """Everything that happened, newest first."""
    return [
        {
            "at": moment(event.at),
            "iso": event.at.astimezone(SHANGHAI).isoformat(),
            "who": event.actor_name,
            "text": show(act_label(event.action)),
            "detail": " · ".join(_told(event.after)) + (f" · {event.reason}" if event.reason else ""),
        }
        for event in found.events
    ]


def _told(after: Mapping[str, Any]) -> list[str]:
    forms: dict[str, Callable[[Any], str]] = {
        "tonnes": lambda value: f"{value} {_('t')}",
        "amount": lambda value: f"¥{value}",
        "value": lambda value: f"¥{value}",
        "slip": str,
        "pass": str,
        "payer": str,
        "to": str,
    }
    return [form(after[key]) for key, form in forms.items() if after.get(key)]


def offers(actor: Actor, found: Whole) -> dict[str, bool]:
    """Which acts to offer this reader now. The verbs decide again."""
    order, standing = found.card.order, found.card.standing
    sells = actor.is_system or scope.sells_to(actor, found.card.customer)
    is_open, is_held = not standing.is_closed, bool(found.card.held)
    fits = {
        "receive": is_open,
        "release": is_open and sells and standing.releasable_grams > 0 and not is_held,
        "withdraw": is_open and sells and standing.liftable_grams > 0,
        "let-out": is_open and is_held and standing.liftable_grams > 0,
        "settle": not rules.why_not_settle(standing),
        "invoice": order.settled_fen is not None,
        "refund": standing.free_fen > 0,
        "carry": standing.free_fen > 0,
        "cancel": sells and not rules.why_not_cancel(standing),
    }
    return {act.key: fits[act.key] and is_allowed(actor, act.action) for act in ACTS}


def next_act(found: Whole, todo: Mapping[str, bool]) -> str | None:
    """The one act that carries the order on."""
    order = found.card.order
    receive = ("receive",) if found.card.standing.missing_fen else ()  # paid in full, finance is not asked again
    wanted: tuple[str, ...] = {
        State.PLACED: ("receive",),
        State.PAID: ("let-out", "release", *receive),
        State.RELEASED: ("let-out", "release"),
        State.LIFTED: ("release", "settle", *receive),
        State.SETTLED: ("refund",) if order.owes_fen else ("invoice",),
        State.CANCELLED: ("refund",) if order.owes_fen else (),
    }[State(order.state)]
    if order.state == State.LIFTED and order.lifted_grams == order.quantity_grams:
        wanted = ("settle",)
    return next((key for key in wanted if todo[key]), None)
