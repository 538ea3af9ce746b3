"""Commands that prove and save: verify, anchor, backup, restore."""

from __future__ import annotations

from pathlib import Path

import click

from tierflow.cli.shared import anchor_file, application, engine
from tierflow.common import anchors, schema
from tierflow.common import backup as copies
from tierflow.common.backup import BackupError
from tierflow.common.db import db
from tierflow.common.verify import lies

AnchorOption = click.option(
    "--anchors", "path", type=click.Path(path_type=Path), default=None, help="The anchor file (TIERFLOW_ANCHOR_FILE)."
)


@click.command()
@AnchorOption
def verify(path: Path | None) -> None:
    """Make stored decisions again, walk the audit chain, compare with the anchors; exit 1 when anything is a lie."""
    if _verify(path or anchor_file()):
        raise SystemExit(1)


def _verify(path: Path) -> int:
    app = application(check_schema=False)
    live = engine()
    found = schema.defects(live)
    live.dispose()
    for lie in found:
        click.echo(lie)
    count = len(found)
    if not any("revision" in lie for lie in found):
        with app.app_context():
            for lie in lies(db.session(), app.config["CLOCK"](), path):
                click.echo(lie)
                count += 1
            db.session.remove()
            db.engine.dispose()
    compared = f"compared with {path}" if path.exists() else "no anchor file to compare with"
    click.echo(f"{count} found wrong ({compared})." if count else f"Nothing is wrong ({compared}).")
    return count


@click.command()
@AnchorOption
def anchor(path: Path | None) -> None:
    """Write the audit chain's head and the sizes of the registers to a file outside the database."""
    app = application()
    with app.app_context():
        line = anchors.anchor(db.session(), path or anchor_file(), app.config["CLOCK"]())
        db.session.remove()
        db.engine.dispose()
    click.echo(f"Anchored entry {line['seq']} ({line['hash'][:12]}…) in {path or anchor_file()}.")


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
def backup(path: Path) -> None:
    """Write a consistent copy of the whole database, files included, while others work on."""
    live = engine()
    try:
        size = copies.backup(live, path)
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    finally:
        live.dispose()
    click.echo(f"{path}: {size} bytes")


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Also over a database that has content; it is lost.")
def restore(path: Path, force: bool) -> None:
    """Put a copy in the database's place, then verify it. Stop the web server and the scheduler first."""
    live = engine()
    try:
        copies.restore(live, path, force=force)
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    finally:
        live.dispose()
    click.echo("Restored.")
    if _verify(anchor_file()):
        raise SystemExit(1)
