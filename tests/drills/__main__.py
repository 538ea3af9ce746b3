"""The drills at full size: `python -m tests.drills` runs all of them, `python -m tests.drills NAME` one."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from tests.drills import api_fuzz, approvals, complaint_deadlines, scheduler, uploads

ENGINES = ("sqlite", "postgresql")
DRILLS: dict[str, Callable[[argparse.Namespace], object]] = {
    "api_fuzz": lambda asked: api_fuzz.main(asked.examples, asked.roles or api_fuzz.EVERYBODY, asked.only),
    "approvals": lambda asked: approvals.main(asked.acts, asked.engines),
    "complaint_deadlines": lambda _asked: not list(complaint_deadlines.differences()),
    "scheduler": lambda asked: scheduler.main(asked.years, asked.engines),
    "uploads": lambda asked: uploads.main(asked.uploads),
}


def main() -> None:
    """Run what was named."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    parser.add_argument("name", nargs="?", choices=sorted(DRILLS), help="one drill; all of them without a name")
    parser.add_argument("--examples", type=int, default=200, help="examples for each operation and role")
    parser.add_argument("--roles", nargs="*", choices=api_fuzz.EVERYBODY, help="only these roles; all without it")
    parser.add_argument(
        "--only", default="", help="a regular expression: only the operations in whose label it is found"
    )
    parser.add_argument("--acts", type=int, default=10_000, help="racing approvals on each engine")
    parser.add_argument("--years", type=float, default=5, help="years of the scheduler on each engine")
    parser.add_argument("--engines", nargs="*", choices=ENGINES, default=ENGINES, help="of approvals and scheduler")
    parser.add_argument("--uploads", type=int, default=10_000, help="malformed uploads")
    asked = parser.parse_args()
    for name in [asked.name] if asked.name else sorted(DRILLS):
        if DRILLS[name](asked) is False:
            raise SystemExit(f"{name} found a lie")


if __name__ == "__main__":
    main()
