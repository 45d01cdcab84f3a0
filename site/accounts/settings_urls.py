from __future__ import annotations

from django.urls import path

from accounts.views import data, settings

urlpatterns = [
    path("", settings.general, name="general_settings"),
    path("account/", settings.account, name="account_settings"),
    path("account/data/", data.download_data, name="download_data"),
    path("account/delete/", settings.delete_account, name="delete_account"),
    path("account/deleted/", settings.account_deleted, name="account_deleted"),
    path("log-ins/", settings.log_in_list, name="log_ins"),
    path("tokens/", settings.token_list, name="api_tokens"),
    path("tokens/<int:token_id>/revoke/", settings.revoke_token, name="revoke_token"),
]
