"""Where the duties keep things, and how they speak: from the environment, once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tierflow.common.clock import Clock, system_clock
from tierflow.common.db import data_dir
from tierflow.web.i18n import translator


@dataclass(frozen=True)
class Setup:
    """Settings of the scheduler; docs/operations.md lists the variables."""

    backup_dir: Path
    backup_keep: int
    anchor_file: Path
    public_url: str
    clock: Clock = system_clock
    translate: Callable[[str], Callable[[str], str]] = translator
    pause: float = 0.003  # seconds between two items: others write meanwhile

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, clock: Clock = system_clock) -> Setup:
        """The settings of this machine."""
        home = Path(data_dir())
        return cls(
            backup_dir=Path(environment.get("TIERFLOW_BACKUP_DIR") or home / "backups"),
            backup_keep=int(environment.get("TIERFLOW_BACKUP_KEEP") or 14),
            anchor_file=Path(environment.get("TIERFLOW_ANCHOR_FILE") or home / "anchors.jsonl"),
            public_url=environment.get("TIERFLOW_PUBLIC_URL", "").rstrip("/"),
            clock=clock,
        )
