"""The lists of this part as Excel or CSV files; each is noted in the security log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from tierflow.kernel.roles import Actor
from tierflow.onboarding import exports, service
from tierflow.onboarding.schemas import given, keeping, portfolio
from tierflow.onboarding.service.wall import WallFilters
from tierflow.web.access import reads
from tierflow.web.exports import FILE
from tierflow.web.openapi import api_blueprint

blp = api_blueprint("exports", "Lists as files")


@blp.route("/applications/export", methods=["POST"])
@reads("application.export", preview=True)
@blp.arguments(given.ApplicationExportSchema)
@blp.doc(responses=FILE)
def export_applications(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Response:
    """The applications you may see, narrowed as their list is."""
    form = wanted.pop("form")
    return exports.applications(session, actor, service.Filters(**wanted), form, now)


@blp.route("/customers/export", methods=["POST"])
@reads("customer.export", preview=True)
@blp.arguments(given.CustomerExportSchema)
@blp.doc(responses=FILE)
def export_customers(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Response:
    """The customers you may see, narrowed and ordered as their list is."""
    form, sort = wanted.pop("form"), wanted.pop("sort")
    return exports.customers(session, actor, service.CustomerFilters(**wanted), sort, form, now)


@blp.route("/customers/expiring/export", methods=["POST"])
@reads("customer.export", preview=True)
@blp.arguments(keeping.WallExportSchema)
@blp.doc(responses=FILE)
def export_expiring(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Response:
    """What expires when, narrowed as the wall is."""
    form = wanted.pop("form")
    return exports.expiring(session, actor, WallFilters(**wanted), form, now)


@blp.route("/customers/filing", methods=["POST"])
@reads("filing.export", preview=True)
@blp.arguments(given.CustomerExportSchema)
@blp.doc(responses=FILE)
def export_filing(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Response:
    """The file for the distribution company: customers with their classes and papers, narrowed as their list is."""
    form, sort = wanted.pop("form"), wanted.pop("sort")
    return exports.filing(session, actor, service.CustomerFilters(**wanted), sort, form, now)


@blp.route("/contracts/export", methods=["POST"])
@reads("contract.export", preview=True)
@blp.arguments(portfolio.ContractExportSchema)
@blp.doc(responses=FILE)
def export_contracts(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Response:
    """The contract register, narrowed as it is."""
    return exports.contracts(session, actor, wanted, wanted["form"], now)
