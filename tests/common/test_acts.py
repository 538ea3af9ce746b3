"""Every act that is recorded has words for people."""

from __future__ import annotations

import re
from pathlib import Path

from tierflow.common.acts import ACTS

ROOT = Path(__file__).resolve().parent.parent.parent
RECORDED = re.compile(r"audit\.record\(\s*\w+,\s*\w+,\s*\"([a-z_.]+)\"", re.DOTALL)


def test_every_recorded_act_has_words() -> None:
    sources = [*(ROOT / "tierflow").rglob("*.py"), *(ROOT / "jobs").rglob("*.py")]
    recorded = {act for path in sources for act in RECORDED.findall(path.read_text(encoding="utf-8"))}
    assert len(recorded) > 20
    assert recorded - ACTS.keys() == set()
