"""Who hears of a clock's events (CHEM-12.3)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.users import RoleGrant, User, live_grants, stand_ins
from tierflow.complaints.rules.words import Event
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Role


class Recipients:
    """Who hears of what, looked up once for a whole sweep. Who has left hears nothing: whoever stands above does."""

    def __init__(self, session: Session, now: datetime, account_manager_ids: Iterable[int] = ()) -> None:
        self.session = session
        self.on = local_day(now)
        self._known: dict[tuple[Event, int, int], list[int]] = {}
        # Everybody in three reads: who manages, who of all is enabled, who stands in.
        managers = self._managers()
        reached = self._reachable({*account_manager_ids, *(user_id for _role, _region_id, user_id in managers)})
        self._owners = reached
        self._sales: dict[int | None, list[int]] = {}
        self._general: list[int] = []
        for role, region_id, user_id in managers:
            if role == Role.GENERAL_MANAGER:
                self._general += reached[user_id]
            else:
                self._sales.setdefault(region_id, []).extend(reached[user_id])

    def of(self, kind: Event, region_id: int, account_manager_id: int) -> list[int]:
        """Who hears of an event of a complaint in this region and these hands."""
        key = (kind, region_id, account_manager_id)
        if key not in self._known:
            self._known[key] = list(dict.fromkeys(self._of(*key)))
        return self._known[key]

    def _of(self, kind: Event, region_id: int, account_manager_id: int) -> list[int]:
        """Warnings go to the account manager; a breach to the sales manager too; an escalation to the GM."""
        if kind is Event.ESCALATED:
            return self.general_managers()
        owner = self.owner(account_manager_id)
        if kind is Event.BREACHED or not owner:
            return [*owner, *self.sales_managers(region_id)]
        return owner

    def owner(self, account_manager_id: int) -> list[int]:
        """The account manager and who stands in; nobody when the account is disabled."""
        if account_manager_id not in self._owners:
            self._owners.update(self._reachable([account_manager_id]))
        return self._owners[account_manager_id]

    def sales_managers(self, region_id: int) -> list[int]:
        """Sales managers of a region and their stand-ins; the general manager where a region has none."""
        return [*self._sales.get(region_id, ()), *self._sales.get(None, ())] or self.general_managers()

    def general_managers(self) -> list[int]:
        """The general manager and who stands in."""
        return list(self._general)

    def _managers(self) -> list[tuple[str, int | None, int]]:
        """(office, region or None for every region, account) of the enabled sales and general managers."""
        offices = [Role.SALES_MANAGER.value, Role.GENERAL_MANAGER.value]
        query = (
            select(RoleGrant.role, RoleGrant.region_id, User.id)
            .join(User, User.id == RoleGrant.user_id)
            .where(RoleGrant.role.in_(offices), User.disabled_at.is_(None), *live_grants(self.on))  # type: ignore[arg-type]
            .order_by(User.id)
        )
        return [(role, region_id, user_id) for role, region_id, user_id in self.session.execute(query)]

    def _reachable(self, user_ids: Iterable[int]) -> dict[int, list[int]]:
        """Each of them who is enabled, and who stands in."""
        ids = sorted(set(user_ids))
        if not ids:
            return {}
        enabled = set(self.session.scalars(select(User.id).where(User.id.in_(ids), User.disabled_at.is_(None))))
        instead = stand_ins(self.session, ids, self.on)
        return {each: ([each] if each in enabled else []) + instead.get(each, []) for each in ids}
