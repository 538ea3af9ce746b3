"""JSON of customers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.kernel.roles import Actor
from tierflow.onboarding import service
from tierflow.onboarding.schemas import given
from tierflow.onboarding.schemas.shown_customers import (
    CustomerOutSchema,
    CustomerPageSchema,
    FieldChangesPageSchema,
    PastSchema,
    SavedFilterOut,
    SavedFiltersOut,
)
from tierflow.onboarding.service import saved_filters
from tierflow.onboarding.service.past import field_changes
from tierflow.web.access import reads, writes
from tierflow.web.openapi import api_blueprint

blp = api_blueprint("customers", "Customers")


@blp.route("/customers", methods=["GET"])
@reads("customer.read")
@blp.arguments(given.CustomerFilterSchema, location="query")
@blp.response(200, CustomerPageSchema)
def list_customers(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """The customers you may see, by number or by name."""
    place = {name: wanted.pop(name) for name in ("cursor", "size", "sort")}
    return service.list_customers(session, actor, service.CustomerFilters(**wanted), now, **place)


@blp.route("/customers/<int(max=9007199254740991):customer_id>", methods=["GET"])
@reads("customer.read")
@blp.response(200, CustomerOutSchema)
def read(*, session: Session, actor: Actor, now: datetime, customer_id: int) -> Any:
    """One customer whole."""
    return service.customer_view(session, actor, customer_id, now)


@blp.route("/customers/<int(max=9007199254740991):customer_id>/history", methods=["GET"])
@reads("customer.read")
@blp.arguments(PastSchema, location="query")
@blp.response(200, FieldChangesPageSchema)
def history(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime, customer_id: int) -> Any:
    """What changed in a customer's file, field by field, who examined it and why; newest first."""
    return field_changes(session, actor, customer_id, **wanted)


@blp.route("/customers/filters", methods=["GET"])
@reads("customer.read")
@blp.response(200, SavedFiltersOut)
def list_filters(*, session: Session, actor: Actor, now: datetime) -> Any:
    """The filters you keep of the customer list."""
    return {"rows": saved_filters.kept(session, actor)}


@blp.route("/customers/filters", methods=["POST"])
@writes("filter.write")
@blp.arguments(given.SavedFilterSchema)
@blp.response(201, SavedFilterOut)
def save_filter(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Keep a filter under a name; only what narrows the list is kept of its question."""
    return saved_filters.save(session, actor, **data)


@blp.route("/customers/filters/<int(max=9007199254740991):filter_id>", methods=["DELETE"])
@writes("filter.write")
@blp.response(204)
def forget_filter(*, session: Session, actor: Actor, now: datetime, filter_id: int) -> None:
    """Remove one of your filters."""
    saved_filters.forget(session, actor, filter_id)
