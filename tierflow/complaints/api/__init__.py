"""The JSON API of complaints and inquiries: everything the screens do."""

from __future__ import annotations

from tierflow.complaints.api import complaints, deciding, desk

BLUEPRINTS = (complaints.blp, deciding.blp, desk.blp)
