"""`python -m jobs`: the scheduler; with a command, a look at its timetable or a run by hand."""

from __future__ import annotations

import click
from flask import Flask

from jobs.process import run_forever
from jobs.runner import Held, Runner
from jobs.schedule import TIMETABLE
from jobs.setup import Setup
from jobs.watch import Watch
from tierflow import create_app
from tierflow.common import runs
from tierflow.common.db import db, transaction
from tierflow.common.users import actor_of
from tierflow.kernel.errors import TierflowError
from tierflow.kernel.months import SHANGHAI, local_day
from tierflow.web.logs import configure
from tierflow.web.signing_in import find_account


def _app() -> tuple[Flask, Setup]:
    configure()
    app = create_app({"PATIENT": True})
    return app, Setup.from_environment(clock=app.config["CLOCK"])


def _runner(setup: Setup) -> Runner:
    return Runner(TIMETABLE, setup, Watch(setup.clock()))


@click.group(invoke_without_command=True)
@click.option("--dry-run", is_flag=True, help="Say what would run until this time tomorrow, and how much; run nothing.")
@click.pass_context
def main(context: click.Context, dry_run: bool) -> None:
    """Run the scheduler: one process, for ever."""
    if context.invoked_subcommand is not None:
        return
    app, setup = _app()
    if not dry_run:
        run_forever(app, TIMETABLE, setup)
        return
    with app.app_context():
        now = setup.clock()
        for line in _runner(setup).forecast(now, count=True):
            if line.outstanding is None:
                continue  # not before this time tomorrow
            due = "always" if line.runs_at is None else f"{line.runs_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
            if line.runs_at is not None:
                due += ": " + (" ".join(map(str, line.missed)) or str(line.next_period))
            click.echo(f"{line.duty.key:<16} {due:<34} {line.outstanding} to do")


@main.command("list")
def list_() -> None:
    """Print the timetable and the last run of each duty."""
    app, setup = _app()
    with app.app_context():
        session = db.session()
        for line in _runner(setup).forecast(setup.clock(), count=False):
            last = session.scalars(
                runs.runs(job=line.duty.key).order_by(runs.Run.ended_at.desc(), runs.Run.id.desc()).limit(1)
            ).first()
            at = line.duty.timing.at.isoformat("minutes") if line.duty.timing else ""
            told = f"{last.period} {last.state} {last.error}".strip() if last is not None else "never"
            if line.duty.always is not None:
                told = _always_told(session.get(runs.JobDuty, line.duty.key))
            click.echo(f"{line.duty.key:<16} {line.duty.every or 'always':<8} {at:<6} last: {told}")


def _always_told(duty: runs.JobDuty | None) -> str:
    """How a duty that runs always is doing: it has no line in the ledger."""
    if duty is None or (duty.last_ok_at is None and not duty.tries):
        return "never"
    well = f"{duty.last_ok_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M} done" if duty.last_ok_at else "never done"
    return f"{well}; failed {duty.tries} times since: {duty.last_error}" if duty.tries else well


@main.command()
@click.argument("name")
@click.option(
    "--for", "period", default="", help="The period: 2026-11-22, 2026-W47, 2026-11 …; none if it runs always."
)
def run(name: str, period: str) -> None:
    """Run a duty for a period, now. Fills the period's slot only when it is due and not done."""
    app, setup = _app()
    with app.app_context():
        try:
            done = _runner(setup).run_by_hand(name, period, None)
        except Held as error:
            raise click.ClickException("held: the clock is doubted; see `python -m jobs confirm`") from error
        except TierflowError as error:
            raise click.ClickException(str(error) or f"there is no duty {name}") from error
    if not done:
        raise click.ClickException("it failed; `python -m jobs list` says why")


@main.command()
@click.option("--login", required=True, help="The administrator who confirms.")
@click.option("--yes", is_flag=True, help="Confirm without asking.")
def confirm(login: str, yes: bool) -> None:
    """Confirm the server's date, so that held duties go on."""
    app, setup = _app()
    with app.app_context():
        now = setup.clock()
        beat = runs.heartbeat(db.session())
        if beat is not None and beat.held_since is not None:
            click.echo(f"Held since {beat.held_since:%Y-%m-%d %H:%M} UTC: {beat.hold_reason}")
        if not yes:
            click.confirm(f"Is it {now.astimezone(SHANGHAI):%Y-%m-%d %H:%M} in Shanghai?", abort=True)
        try:
            with transaction() as session:
                user = find_account(session, login)
                if user is None:
                    raise click.ClickException(f"there is no account {login}")
                runs.release(session, actor_of(session, user, local_day(now)), now, seen_on=local_day(now))
        except TierflowError as error:
            raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
