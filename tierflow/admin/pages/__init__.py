"""Screens of administration, one file per family; `blueprints` and `NAV` are what the composition root takes."""

from __future__ import annotations

from flask import Blueprint

from tierflow.admin.pages import calendar, channels, delegations, factors, grants, logs, me, people, policy, reference
from tierflow.kernel.text import mark
from tierflow.web.inbox import Kind
from tierflow.web.navigation import Nav

blueprints: tuple[Blueprint, ...] = (
    me.bp,
    people.bp,
    grants.bp,
    factors.bp,
    delegations.bp,
    reference.bp,
    calendar.bp,
    channels.bp,
    logs.bp,
    policy.bp,
)

_RULES = mark("Rules and calendar")
_ADMINISTRATION = mark("Administration")

NAV = [
    Nav(_RULES, 80, mark("Working calendar"), "calendar3", "calendar.year", "calendar.read"),
    Nav(_RULES, 81, mark("Policy values"), "sliders", "policy.show", "policy.read"),
    Nav(_ADMINISTRATION, 90, mark("People"), "people", "accounts.index", "people.read"),
    Nav(_ADMINISTRATION, 91, mark("Role grants"), "person-badge", "grants.index", "people.read"),
    Nav(_ADMINISTRATION, 92, mark("Delegations"), "person-check", "delegations.index", "people.read"),
    Nav(_ADMINISTRATION, 93, mark("Reference data"), "database", "reference.index", "reference.read"),
    Nav(_ADMINISTRATION, 94, mark("Channels"), "send", "channels.index", "channel.read"),
    Nav(_ADMINISTRATION, 95, mark("Logs"), "journal-text", "logs.audit", "log.read"),
]

INBOX_KINDS = {
    "role_grant": Kind(mark("Role grant to approve"), "person-badge", "grants.show", "grant_id"),
    "role_grant.returned": Kind(mark("Role grant returned"), "arrow-return-left", "grants.show", "grant_id"),
    "factor_reset": Kind(mark("Second factor to reset"), "shield-x", "factors.show", "reset_id"),
}
