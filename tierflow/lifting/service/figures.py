"""Adding up again what orders say of themselves, for `tierflow verify`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from tierflow.common.offtake import Offtake
from tierflow.lifting.models import LiftingOrder, Money, Return, Settlement, Slip, Weighing
from tierflow.lifting.rules.orders import state_of
from tierflow.lifting.service import scope
from tierflow.lifting.service.gate import SOURCE

_IN = ("receipt", "carry_in")


def verify(session: Session, batch: int = 2000) -> Iterator[str]:
    """Orders whose figures or state are not what their rows add up to; weighings that the ledger tells otherwise."""
    for name, column, sums in _sums():
        found = session.execute(
            select(LiftingOrder.number, column, sums.c.total)
            .outerjoin(sums, sums.c.order_id == LiftingOrder.id)
            .where(column != func.coalesce(sums.c.total, 0))
            .order_by(LiftingOrder.id)
        )
        for number, stored, total in found:
            yield f"order {number}: {name} {stored}, and its rows add up to {int(total or 0)}"
    yield from _slips(session)
    yield from _ledger(session)
    yield from _states(session, batch)


def _sums() -> list[tuple[str, Any, Any]]:
    def of(table: Any, value: Any, *conditions: Any) -> Any:
        return select(table.order_id, func.sum(value).label("total")).where(*conditions).group_by(table.order_id)

    lifted = select(Weighing.order_id, Weighing.grams).union_all(select(Return.order_id, -Return.grams)).subquery()
    return [
        ("received", LiftingOrder.received_fen, of(Money, Money.fen, Money.kind.in_(_IN)).subquery()),
        ("paid out", LiftingOrder.paid_out_fen, of(Money, Money.fen, Money.kind.not_in(_IN)).subquery()),
        ("released", LiftingOrder.released_grams, of(Slip, Slip.grams - Slip.withdrawn_grams).subquery()),
        (
            "lifted",
            LiftingOrder.lifted_grams,
            select(lifted.c.order_id, func.sum(lifted.c.grams).label("total")).group_by(lifted.c.order_id).subquery(),
        ),
    ]


def _slips(session: Session) -> Iterator[str]:
    came_back = (
        select(Return.weighing_id, func.sum(Return.grams).label("total")).group_by(Return.weighing_id).subquery()
    )
    lifted = (
        select(Weighing.slip_id, func.sum(Weighing.grams - func.coalesce(came_back.c.total, 0)).label("total"))
        .outerjoin(came_back, came_back.c.weighing_id == Weighing.id)
        .group_by(Weighing.slip_id)
        .subquery()
    )
    found = session.execute(
        select(Slip.number, Slip.lifted_grams, lifted.c.total)
        .outerjoin(lifted, lifted.c.slip_id == Slip.id)
        .where(Slip.lifted_grams != func.coalesce(lifted.c.total, 0))
        .order_by(Slip.id)
    )
    for number, stored, total in found:
        yield f"slip {number}: lifted {stored}, and its weighings add up to {int(total or 0)}"


def _ledger(session: Session) -> Iterator[str]:
    told = session.execute(
        select(Offtake.external_number, Offtake.grams, Weighing.grams, Return.grams)
        .outerjoin(Weighing, Weighing.offtake_id == Offtake.id)
        .outerjoin(Return, Return.offtake_id == Offtake.id)
        .where(
            Offtake.source == SOURCE,
            Offtake.grams
            != case((Offtake.grams > 0, func.coalesce(Weighing.grams, 0)), else_=-func.coalesce(Return.grams, 0)),
        )
        .order_by(Offtake.id)
    )
    for number, grams, weighed, returned in told:
        yield f"offtake {number}: {grams} g in the ledger, {weighed or -(returned or 0)} g at the gate"


def _states(session: Session, batch: int) -> Iterator[str]:
    last = 0
    while True:
        rows = session.execute(
            select(LiftingOrder, Settlement.value_fen)
            .outerjoin(
                Settlement,
                (Settlement.order_id == LiftingOrder.id)
                & (
                    Settlement.number
                    == select(func.max(Settlement.number))
                    .where(Settlement.order_id == LiftingOrder.id)
                    .correlate(LiftingOrder)
                    .scalar_subquery()
                ),
            )
            .where(LiftingOrder.id > last)
            .order_by(LiftingOrder.id)
            .limit(batch)
        ).all()
        for order, settled in rows:
            last = order.id
            standing = scope.standing(order)
            if order.state != state_of(standing):
                yield f"order {order.number}: it stands at {order.state}, and its figures say {state_of(standing)}"
            if order.settled_fen != settled:
                yield f"order {order.number}: settled {order.settled_fen}, and the settlement says {settled}"
            if order.owes_fen != (standing.free_fen if standing.is_closed else 0):
                yield f"order {order.number}: it owes {order.owes_fen}, and its figures say otherwise"
        session.expunge_all()
        if len(rows) < batch:
            return
