from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from accounts.views.entering import log_in_to_admin

handler400 = "config.errors.bad_request"
handler403 = "config.errors.permission_denied"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"

urlpatterns = [
    path("", include("chat.urls")),
    path("", include("ops.urls")),
    path("settings/", include("accounts.settings_urls")),
    path("accounts/", include("accounts.urls")),
    path("api/", include("api.urls")),
    path("v1/", include("api.openai.urls")),
    path("admin/login/", log_in_to_admin),
    path("admin/", admin.site.urls),
]
