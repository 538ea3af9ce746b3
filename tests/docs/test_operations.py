"""docs/operations.md names every duty of the timetable, and when it runs."""

from __future__ import annotations

import re

from jobs.schedule import TIMETABLE
from tests.docs.rulebook import ROOT

ROW = re.compile(r"^\| `([a-z-]+)` \| ([^|]+) \| ", re.MULTILINE)


def _section() -> str:
    whole = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    return whole.split("\n## The scheduler\n")[1].split("\n## ")[0]


def test_every_duty_is_in_the_table_once() -> None:
    assert sorted(name for name, _when in ROW.findall(_section())) == sorted(duty.key for duty in TIMETABLE)


def test_every_duty_is_said_to_run_when_it_does() -> None:
    told = dict(ROW.findall(_section()))
    for duty in TIMETABLE:
        when = told[duty.key]
        if duty.timing is None:
            assert when.endswith("every minute"), duty.key
            continue
        assert f"{duty.timing.at:%H:%M}" in when, duty.key
        assert ("working day" in when) == duty.timing.at_work, duty.key
