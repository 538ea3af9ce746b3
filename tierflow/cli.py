"""The `tierflow` command."""


def main() -> None:
    """Run a command."""
