"""Withdrawing a customer's status, and the list of those without one: grounds, words, who decides (CHEM-17)."""

from __future__ import annotations

import re
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

_MANAGEMENT = mark("general manager")

# A company that never was a customer here: put on the list, or taken off it; one by one, or a whole list at once.
LISTING = Chain(
    key="listing",
    clause=CLAUSE,
    label=mark("list of the disqualified"),
    steps=(Step("management", _MANAGEMENT, Role.GENERAL_MANAGER, frozenset({"listing"}), always=True),),
)
LISTS = Chain(
    key="listed_import",
    clause=CLAUSE,
    label=mark("older list of the disqualified"),
    steps=(Step("management", _MANAGEMENT, Role.GENERAL_MANAGER, frozenset({"import"}), always=True),),
    lapses=True,
)

GROUND_WORDS: Mapping[str, tuple[str, ...]] = {
    "fraud": ("fraud", "欺诈", "失信", "虚假信息", "提供虚假信息", "提供虚假信息、欺诈或严重失信"),
    "loss": ("loss", "损失", "声誉", "造成损失", "损害声誉", "造成损失或严重损害声誉"),
    "law": ("law", "违法", "立案", "违法被立案调查", "立案调查"),
}
_GROUND_OF = {word: ground for ground, words in GROUND_WORDS.items() for word in words}
_BETWEEN = re.compile(r"[;；,，、\n/]+")


def read_ground(written: str) -> str | None:
    """The ground as people write it; None for none of them."""
    return _GROUND_OF.get(written.strip().casefold())


def read_names(written: str, name: str) -> list[str]:
    """Former names, however they are parted; the present one is none of them."""
    found = (part.strip() for part in _BETWEEN.split(written))
    return list(dict.fromkeys(part for part in found if part and part != name))
