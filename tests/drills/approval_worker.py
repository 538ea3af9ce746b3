"""A web worker that may be killed at any moment: `python -m tests.drills.approval_worker URL`.

One request a line on stdin, one answer a line on stdout, as JSON. It serves through the whole application: session,
permissions, idempotency key, transaction, chain.
"""

from __future__ import annotations

import json
import sys

from flask.testing import FlaskClient

from tests.conftest import StandingClock, app_settings
from tierflow import create_app
from tierflow.web.context import COOKIE


def main(url: str) -> None:
    settings = {**app_settings(url, StandingClock()), "CHECK_SCHEMA": False, "WTF_CSRF_METHODS": frozenset()}
    app = create_app(settings)
    clients: dict[str, FlaskClient] = {}
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        cookie = asked["cookie"]
        if cookie not in clients:
            clients[cookie] = app.test_client()
            clients[cookie].set_cookie(COOKIE, cookie)
        headers = {"Idempotency-Key": asked["key"]}
        answer = clients[cookie].post(asked["path"], json=asked["body"], headers=headers)
        replayed = answer.headers.get("Idempotent-Replay") == "true"
        print(json.dumps({"status": answer.status_code, "replayed": replayed, "text": answer.text[:300]}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
