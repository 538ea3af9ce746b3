"""`python -m bench [--customers N] [--applications N] [--engines sqlite,postgresql]`: prints a table in Markdown."""

from __future__ import annotations

import argparse

from bench import deadlines, helpdesk, rivals, sweep
from bench.run import Figures, measure
from tests.databases import fresh_databases


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--applications", type=int, default=20_000)
    parser.add_argument("--engines", default="sqlite,postgresql")
    parser.add_argument("--complaints", action="store_true", help="sweep, rivals and deadlines of complaints instead")
    given = parser.parse_args()
    if given.complaints:
        complaints(given.engines.split(","))
        return
    for engine in given.engines.split(","):
        with fresh_databases(engine) as fresh:
            small = measure(fresh(), given.customers // 100, given.applications // 100)
            large = measure(fresh(), given.customers, given.applications)
        _print(engine, small, large)


def complaints(engines: list[str]) -> None:
    """A million open complaints, the helpdesk's tickets, a million deadlines."""
    sweep.report(1_000_000, 1_000, engines)
    helpdesk.report(engines)
    deadlines.report(rivals.run("bench.deadlines"))


def _print(engine: str, small: Figures, large: Figures) -> None:
    print(f"\n{engine}: {large.customers:,} customers, {large.applications:,} open applications\n")
    print("| what | floor ms | tierflow ms | ratio | min..max | queries | against 1/100 of the data |")
    print("|---|---|---|---|---|---|---|")
    for pair, before in zip(large.pairs, small.pairs, strict=True):
        growth = pair.product_ms / before.product_ms
        queries = large.queries.get(pair.name, "")
        print(
            f"| {pair.name} | {pair.floor_ms:.2f} | {pair.product_ms:.2f} | {pair.ratio:.2f} "
            f"| {pair.low:.2f}..{pair.high:.2f} | {queries} | {growth:.2f} |"
        )


if __name__ == "__main__":
    main()
