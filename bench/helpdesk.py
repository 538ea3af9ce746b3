"""The same tickets escalated by tierflow and by django-helpdesk's command, in turn: `python -m bench.helpdesk`."""

from __future__ import annotations

import statistics
from typing import Any

from bench import rivals, sweep
from tests.databases import fresh_databases, postgres_database, serve_postgres

ROUNDS = 3
OPEN, DUE = 20_000, 1_000


def report(engines: list[str], open_: int = OPEN, due: int = DUE, rounds: int = ROUNDS) -> None:
    """The table in Markdown: milliseconds of wall and of CPU for each ticket that is due."""
    print(f"\n{open_:,} open tickets, {due:,} to escalate; ms for each that is due, wall / CPU of the process\n")
    print("| engine | django-helpdesk 2.6.1 | tierflow | ratio of the wall |")
    print("|---|---|---|---|")
    for engine in engines:
        theirs, ours = [], []
        for _ in range(rounds):
            theirs.append(_rival(engine, open_, due))
            with fresh_databases(engine) as fresh:
                ours.append(sweep.measure(fresh(), open_, due, rounds=1).product)
        wall = statistics.median(each["wall_s"] for each in theirs) * 1000 / due
        cpu = statistics.median(each["cpu_s"] for each in theirs) * 1000 / due
        our_wall = statistics.median(each.wall_ms for each in ours) / due
        our_cpu = statistics.median(each.cpu_ms for each in ours) / due
        print(f"| {engine} | {wall:.2f} / {cpu:.2f} | {our_wall:.3f} / {our_cpu:.3f} | {wall / our_wall:.0f} |")


def _rival(engine: str, open_: int, due: int) -> Any:
    if engine == "sqlite":
        with rivals.scratch() as folder:
            return _escalated(f"sqlite:///{folder}/helpdesk.db", open_, due)
    with serve_postgres() as server, postgres_database(server) as url:
        return _escalated(url, open_, due)


def _escalated(url: str, open_: int, due: int) -> Any:
    found = rivals.run("bench.helpdesk_rival", str(open_), str(due), url)
    if found["escalated"] != due:
        raise RuntimeError(f"{found['escalated']} escalated, {due} wanted")
    return found


if __name__ == "__main__":
    report(["sqlite", "postgresql"])
