"""The `tierflow` command. Commands are read when they are called: `tierflow --help` needs no database."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "init": "company",
    "recover": "company",
    "demo": "demo",
    "serve": "serving",
    "routes": "serving",
    "upgrade": "database",
    "downgrade": "database",
    "check": "database",
    "revision": "database",
    "verify": "safety",
    "anchor": "safety",
    "backup": "safety",
    "restore": "safety",
}


class Commands(click.Group):
    """A group whose commands are imported one by one, when asked for."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """Every command, in the order of use."""
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """The command of that name."""
        if name not in COMMANDS:
            return None
        found: click.Command = getattr(importlib.import_module(f"tierflow.cli.{COMMANDS[name]}"), name)
        return found


@click.group(cls=Commands)
@click.version_option(package_name="tierflow")
def main() -> None:
    """Qualify, tier and serve the customers of a petrochemical sales company."""
