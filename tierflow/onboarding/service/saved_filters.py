"""The customer list's filters, kept under a name of their own per account."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from sqlalchemy.orm import Session

from tierflow.common import filters
from tierflow.common.filters import SavedFilter
from tierflow.kernel.roles import Actor, require

PAGE = "customers"
NARROWING = ("q", "region", "manager", "class", "line", "papers")


def question(args: Mapping[str, str]) -> dict[str, str]:
    """What of an address narrows or orders the list."""
    return {name: args[name] for name in (*NARROWING, "sort") if args.get(name)}


def read(query: str) -> dict[str, str]:
    """The question of a query string; of a name said twice the first counts, as in an address."""
    return question(dict(reversed(parse_qsl(query.lstrip("?")))))


def kept(session: Session, actor: Actor) -> list[SavedFilter]:
    """The actor's filters, by name."""
    require(actor, "customer.read")
    return filters.saved(session, actor, PAGE)


def save(session: Session, actor: Actor, name: str, query: str) -> SavedFilter:
    """Keep a filter; only what narrows this list is kept. Raises `Refused` when the name is taken."""
    return filters.save(session, actor, PAGE, name, urlencode(read(query)))


def forget(session: Session, actor: Actor, filter_id: int) -> None:
    """Remove one of the actor's own filters."""
    filters.forget(session, actor, filter_id)
