"""What gunicorn serves: `gunicorn tierflow.wsgi:app`."""

from __future__ import annotations

import os

from tierflow import create_app
from tierflow.web.logs import configure

configure()
if os.environ.get("TIERFLOW_DEMO") == "1":
    from tierflow.demo import logins

    app = create_app({"DEMO_LOGINS": logins()})
else:
    app = create_app()
