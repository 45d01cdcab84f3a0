"""For operators and their load balancers."""

from __future__ import annotations

from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from chat.database import in_thread
from chat.process import current


@never_cache
@require_safe
async def healthz(request: HttpRequest) -> HttpResponse:
    """200 while this process serves requests; asks nobody else."""
    return HttpResponse("ok", content_type="text/plain")


@never_cache
@require_safe
async def readyz(request: HttpRequest) -> HttpResponse:
    """200 when the database and the model answer, else 503; the body names each: `ok` or `away`.

    A load balancer should look at `database` alone: without the model all pages still work.
    """
    process = current()
    parts = {
        "database": await in_thread(_database_answers),
        "model": process is not None and await process.client.healthy(),
    }
    body = {name: "ok" if up else "away" for name, up in parts.items()}
    return JsonResponse(body, status=200 if all(parts.values()) else 503)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True
