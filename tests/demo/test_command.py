"""`tierflow demo` on a port that somebody else has."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from tierflow.cli.demo import demo, free_port


def test_a_taken_port_is_told_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("TIERFLOW_DATA_DIR", str(home))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        told = CliRunner().invoke(demo, ["--port", str(port)])
        assert told.exit_code == 1
        assert told.output == (f"Error: port {port} is taken by another program: name another with --port, or none\n")
        assert not home.exists()
        assert free_port(port) != port
    assert CliRunner().invoke(demo, ["--port", "70000"]).exit_code == 2
