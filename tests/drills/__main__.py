"""The drills at full size: `python -m tests.drills` runs all of them, `python -m tests.drills NAME` one."""

from __future__ import annotations

import argparse

from tests.drills import api_fuzz, uploads

DRILLS = {"api_fuzz": lambda asked: api_fuzz.main(asked.examples), "uploads": lambda asked: uploads.main(asked.uploads)}


def main() -> None:
    """Run what was named."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    parser.add_argument("name", nargs="?", choices=sorted(DRILLS), help="one drill; all of them without a name")
    parser.add_argument("--examples", type=int, default=200, help="examples for each operation and role")
    parser.add_argument("--uploads", type=int, default=10_000, help="malformed uploads")
    asked = parser.parse_args()
    for name in [asked.name] if asked.name else sorted(DRILLS):
        DRILLS[name](asked)


if __name__ == "__main__":
    main()
