"""`tierflow init`: an empty company with two administrators. `tierflow recover`: when nobody is left to let one in."""

from __future__ import annotations

from typing import TextIO, cast

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.admin.founding import as_founder, found
from tierflow.admin.service import factors
from tierflow.cli.shared import application, engine
from tierflow.common import schema, seeds
from tierflow.common.db import db, transaction
from tierflow.common.users import Person
from tierflow.kernel.errors import Invalid, NotFound


@click.command()
@click.option("--administrator", "given", nargs=2, multiple=True, metavar="LOGIN NAME", help="Twice, or you are asked.")
@click.option(
    "--passwords", type=click.File("r"), help="A file with their passwords, one a line; - for standard input."
)
def init(given: tuple[tuple[str, str], ...], passwords: TextIO | None) -> None:
    """Make an empty company: tables, the published calendars, the first policy, and two administrators.

    Two, because a role is granted by one administrator and approved by another. Refuses a database with people in it.
    """
    live = engine()
    schema.upgrade(live)
    live.dispose()
    app = application()
    with app.app_context():
        refuse_people(db.session())
        people = [*given, *(_ask(number) for number in range(len(given) + 1, 3))]
        secrets = (
            passwords.read().splitlines() if passwords is not None else [_ask_password(login) for login, _ in people]
        )
        if len(people) != 2 or len(secrets) != 2:
            raise click.ClickException("two administrators with a password each are wanted")
        try:
            pair = [as_founder(*person, secret) for person, secret in zip(people, secrets, strict=True)]
            if pair[0].login == pair[1].login or pair[0].name == pair[1].name:
                raise click.ClickException("two different people are wanted")
            with transaction() as session:
                refuse_people(session)
                now = app.config["CLOCK"]()
                seeds.plant(session, now)
                found(session, pair, now)
        except Invalid as error:
            said = "; ".join(
                str(message) for messages in error.errors.values() for message in cast("list[object]", messages)
            )
            raise click.ClickException(said) from error
        db.engine.dispose()
    click.echo("The company is there. Both administrators set up a second factor when they sign in.")


def refuse_people(session: Session) -> None:
    """Stop when somebody is there already."""
    if session.scalar(select(Person.id).limit(1)) is not None:
        raise click.ClickException("this database has people already")


def _ask(number: int) -> tuple[str, str]:
    login = click.prompt(f"Login of administrator {number}").strip()
    return login, click.prompt(f"Name of administrator {number}").strip()


def _ask_password(login: str) -> str:
    return str(click.prompt(f"Password of {login}", hide_input=True, confirmation_prompt=True))


@click.command()
@click.argument("login")
@click.option("--reason", required=True, help="Why; it is written into the logs and told to every administrator.")
@click.option("--password", is_flag=True, help="Make a one-time password too, and print it.")
def recover(login: str, reason: str, password: bool) -> None:
    """Take an account's second factor away where no second administrator is left to approve it."""
    app = application()
    with app.app_context():
        try:
            with transaction() as session:
                _user, once = factors.recover(session, login, reason, app.config["CLOCK"](), password=password)
        except NotFound as error:
            raise click.ClickException(f"there is no account {login}") from error
        finally:
            db.engine.dispose()
    click.echo(f"{login} sets up a second factor at the next sign-in, where policy wants one.")
    if once is not None:
        click.echo(f"One-time password, shown this once: {once}")
