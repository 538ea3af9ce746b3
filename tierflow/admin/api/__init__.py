"""The JSON API of administration; `blueprints` is what the composition root registers."""

from __future__ import annotations

from tierflow.admin.api import calendar, channels, grants, logs, me, people, policy, reference

blueprints = (me.blp, people.blp, grants.blp, reference.blp, calendar.blp, channels.blp, logs.blp, policy.blp)
