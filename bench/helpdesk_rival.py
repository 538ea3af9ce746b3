"""django-helpdesk's escalation of the same tickets; runs in the rivals' environment: `-m bench.helpdesk_rival`.

Given N, DUE and URL: N open tickets, DUE of them unanswered since before the escalation limit, as many queues as we
have regions. Mail is rendered and handed to a backend that drops it.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import timedelta
from types import ModuleType
from urllib.parse import unquote, urlsplit

QUEUES = 10


def configure(url: str) -> None:
    """Settings of a minimal Django site with the helpdesk in it."""
    import django
    from django.conf import settings

    apps = ["admin", "auth", "contenttypes", "sessions", "messages", "humanize", "sites"]
    settings.configure(
        SECRET_KEY="bench",
        USE_TZ=True,
        DATABASES={"default": _database(url)},
        INSTALLED_APPS=[f"django.contrib.{app}" for app in apps] + ["rest_framework", "helpdesk"],
        SITE_ID=1,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        ROOT_URLCONF="helpdesk_site",
        HELPDESK_TEAMS_MODE_ENABLED=False,
    )
    django.setup()
    from django.urls import include, path

    site = ModuleType("helpdesk_site")
    site.urlpatterns = [path("helpdesk/", include("helpdesk.urls", namespace="helpdesk"))]  # type: ignore[attr-defined]
    sys.modules[site.__name__] = site


def _database(url: str) -> dict[str, str | int]:
    parts = urlsplit(url)
    if parts.scheme.startswith("sqlite"):
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": url.removeprefix("sqlite:///")}
    host = next((unquote(p.removeprefix("host=")) for p in parts.query.split("&") if p.startswith("host=")), None)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path[1:],
        "USER": parts.username or "",
        "HOST": host or parts.hostname or "",
        "PORT": parts.port or "",
    }


def measure(open_: int, due: int) -> dict[str, float]:
    """Fill, escalate once, count."""
    from django.core.management import call_command
    from django.db import connection
    from django.utils import timezone
    from helpdesk.models import FollowUp, Queue, Ticket

    call_command("migrate", verbosity=0)
    now = timezone.now()
    queues = [Queue.objects.create(title=f"区域{n}", slug=f"r{n}", escalate_days=1) for n in range(QUEUES)]
    fresh, old = now - timedelta(hours=1), now - timedelta(days=4)
    stride = open_ // due
    for low in range(0, open_, 5000):
        Ticket.objects.bulk_create(
            Ticket(
                title=f"投诉 {n}",
                queue=queues[n % QUEUES],
                submitter_email="customer@example.com",
                description="熔指偏低，无法加工。",
                status=Ticket.OPEN_STATUS,
                priority=3,
                created=old if n % stride == 0 else fresh,
                last_escalation=old if n % stride == 0 else fresh,
            )
            for n in range(low, min(low + 5000, open_))
        )
    Ticket.objects.update(created=fresh)
    Ticket.objects.filter(last_escalation=old).update(created=old)
    wall, cpu = time.perf_counter(), time.process_time()
    call_command("escalate_tickets")
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    escalated = FollowUp.objects.count()
    connection.close()
    return {"wall_s": wall, "cpu_s": cpu, "escalated": escalated}


if __name__ == "__main__":
    configure(sys.argv[3])
    print(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))))
