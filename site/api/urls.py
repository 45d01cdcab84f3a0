from __future__ import annotations

from django.urls import path

from api.schema import views as schema
from api.views import (
    accounts,
    chat,
    generate,
    interactions,
    jwt,
    log_ins,
    presets,
    server,
    sessions,
    sharing,
    tokens,
    transfer,
    usage,
)

urlpatterns = [
    path("schema/", schema.schema, name="api_schema"),
    path("docs/", schema.swagger, name="api_docs"),
    path("redoc/", schema.redoc, name="api_redoc"),
    path("register/", accounts.Register.as_view(), name="api_register"),
    path("token/", jwt.Obtain.as_view(), name="api_token"),
    path("token/refresh/", jwt.Refresh.as_view(), name="api_token_refresh"),
    path("token/blacklist/", jwt.Blacklist.as_view(), name="api_token_blacklist"),
    path("generate/", generate.generate, name="api_generate"),
    path("account/", accounts.Account.as_view(), name="api_account"),
    path("account/password/", accounts.Password.as_view(), name="api_account_password"),
    path("account/delete/", accounts.DeleteAccount.as_view(), name="api_account_delete"),
    path("account/data/", accounts.data, name="api_account_data"),
    path("tokens/", tokens.Tokens.as_view(), name="api_personal_tokens"),
    path("tokens/<int:token_id>/", tokens.OneToken.as_view(), name="api_personal_token"),
    path("log-ins/", log_ins.LogIns.as_view(), name="api_log_ins"),
    path("log-ins/end-all/", log_ins.EndAllLogIns.as_view(), name="api_log_ins_end_all"),
    path("log-ins/<slug:log_in_id>/", log_ins.OneLogIn.as_view(), name="api_log_in"),
    path("presets/", presets.Presets.as_view(), name="api_presets"),
    path("presets/<uuid:preset_id>/", presets.OnePreset.as_view(), name="api_preset"),
    path("usage/", usage.Usage.as_view(), name="api_usage"),
    path("server/", server.Server.as_view(), name="api_server"),
    path("model/", server.Model.as_view(), name="api_model"),
    path("chat/", chat.process_chat_message, name="process_chat_message"),
    path("sessions/", sessions.Sessions.as_view(), name="api_sessions"),
    path("sessions/<uuid:session_id>/", sessions.Session.as_view(), name="api_session"),
    path("sessions/bulk/", sessions.ManySessions.as_view(), name="api_sessions_bulk"),
    path("sessions/<uuid:session_id>/undelete/", sessions.UndeleteSession.as_view(), name="api_session_undelete"),
    path(
        "sessions/<uuid:session_id>/interactions/",
        interactions.SessionInteractions.as_view(),
        name="api_session_interactions",
    ),
    path("sessions/<uuid:session_id>/links/", sharing.SessionLinks.as_view(), name="api_session_links"),
    path("sessions/<uuid:session_id>/links/<slug:token>/", sharing.SessionLink.as_view(), name="api_session_link"),
    path("shared/<slug:token>/", sharing.Shared.as_view(), name="api_shared"),
    path("sessions/<uuid:session_id>/export/", transfer.export_session, name="api_session_export"),
    path("export/", transfer.export_sessions, name="api_export"),
    path("import/", transfer.Import.as_view(), name="api_import"),
    path("interactions/<uuid:interaction_id>/", interactions.OneInteraction.as_view(), name="api_interaction"),
    path("interactions/<uuid:interaction_id>/stream/", chat.stream_interaction, name="api_interaction_stream"),
    path(
        "interactions/<uuid:interaction_id>/stop/", interactions.StopInteraction.as_view(), name="api_interaction_stop"
    ),
    path(
        "interactions/<uuid:interaction_id>/continue/",
        interactions.ContinueInteraction.as_view(),
        name="api_interaction_continue",
    ),
    path(
        "interactions/<uuid:interaction_id>/regenerate/",
        interactions.RegenerateInteraction.as_view(),
        name="api_interaction_regenerate",
    ),
    path(
        "interactions/<uuid:interaction_id>/edit/", interactions.EditInteraction.as_view(), name="api_interaction_edit"
    ),
    path(
        "interactions/<uuid:interaction_id>/rate/", interactions.RateInteraction.as_view(), name="api_interaction_rate"
    ),
]
