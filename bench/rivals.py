"""An environment of the rivals' own, outside the project: the product and its tests never import what is in it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
import venv
from pathlib import Path
from typing import Any

REQUIREMENTS = Path(__file__).with_name("rivals-requirements.txt")
PROJECT = Path(__file__).parent.parent


def python() -> Path:
    """The interpreter of the environment; made on first use, made anew when the pins change."""
    pins = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "tierflow-bench" / pins
    interpreter = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([interpreter, "-m", "pip", "install", "-q", "-r", REQUIREMENTS], check=True)
        (folder / "ready").touch()
    return interpreter


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for a rival's database."""
    return tempfile.TemporaryDirectory(prefix="tierflow-rival-")


def run(module: str, *given: str) -> Any:
    """Run a module of the bench in that environment; what its last line says, as JSON."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [python(), "-m", module, *given], check=True, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])
