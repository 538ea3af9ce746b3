"""Withdrawing a customer's status: the grounds, and the one office that decides (CHEM-17)."""

from __future__ import annotations

from collections.abc import Mapping

from tierflow.kernel.approval import Chain, Step
from tierflow.kernel.roles import Role
from tierflow.kernel.text import mark

CLAUSE = "CHEM-17"

GROUNDS: Mapping[str, str] = {
    "fraud": mark("false information, fraud or serious breach of faith"),
    "loss": mark("loss or serious harm to reputation"),
    "law": mark("breach of law under investigation"),
}

DISQUALIFICATION = Chain(
    key="disqualification",
    clause=CLAUSE,
    label=mark("disqualification"),
    steps=(
        Step("management", mark("general manager"), Role.GENERAL_MANAGER, frozenset({"disqualification"}), always=True),
    ),
)
