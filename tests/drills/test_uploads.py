"""A hundredth of the drill of malformed uploads."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.builders import sign_in
from tests.drills.uploads import empty_draft, malformed, orphans, throw
from tests.onboarding import scenes
from tierflow.common.db import transaction


@pytest.mark.drill
def test_malformed_uploads_break_nothing_and_leave_nothing(app: Flask) -> None:
    with app.app_context(), transaction() as session:
        place = scenes.company(session)
        application_id, li = empty_draft(session, place), place.id_of("li")
    answers = throw(sign_in(app, li), application_id, malformed(7, 100))
    assert sum(answers.values()) == 100
    assert max(answers) < 500
    assert answers[422] > 50, f"most of them are refused at the field: {answers}"
    with app.app_context():
        assert orphans() == (0, 0)
