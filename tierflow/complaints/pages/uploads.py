"""Files of a form, as the services take them."""

from __future__ import annotations

from flask import request

from tierflow.common.uploads import Upload


def sent(name: str) -> list[Upload]:
    """Every file chosen under a name; a field left empty sends none."""
    chosen = request.files.getlist(name)
    return [Upload(file.filename, file.read()) for file in chosen if file.filename]
