"""`python -m bench [--scale 1] [--pairs 31]`: print the table that docs/bench.md keeps."""

from __future__ import annotations

import argparse
import sys

from bench import databases
from bench.run import SMALL, Figure, approval_figures, as_table, page_figures, site


def main() -> int:
    """Measure on both engines; 1 when an aim is missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--scale", type=float, default=1.0, help="1: 100,000 customers and 20,000 open applications")
    options.add_argument("--pairs", type=int, default=31)
    options.add_argument("--engine", choices=sorted(databases.ENGINES), action="append")
    given = options.parse_args()
    figures: list[Figure] = []
    for engine in given.engine or databases.ENGINES:
        fresh = databases.ENGINES[engine]
        with site(fresh(), given.scale) as large, site(fresh(), SMALL) as small:
            figures += page_figures(engine, large, small, given.pairs)
            figures += approval_figures(engine, large, given.pairs)
    sys.stdout.write(as_table(figures) + "\n")
    missed = [f for f in figures if (f.aim and f.measured.ratio > f.aim) or (f.flat and f.flat > 1.3)]
    for figure in missed:
        sys.stderr.write(f"missed: {figure.engine}, {figure.what}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
