"""What is kept about a user, to take along."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from chat import own_data
from chat.requests import HtmxRequest, log_in_first, look_who_asks
from chat.responses import Unbuffered


@never_cache
@require_GET
async def download_data(request: HtmxRequest) -> HttpResponseBase:
    """One ZIP file with everything."""
    user = await look_who_asks(request)
    if not user.is_authenticated:
        return log_in_first(request)
    response = Unbuffered(own_data.zip_of(user=user), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="parley-{timezone.localdate().isoformat()}.zip"'
    return response
