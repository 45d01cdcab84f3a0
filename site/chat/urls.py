from __future__ import annotations

from django.urls import path

from chat import live, streams
from chat.views import asking, interactions, sessions, settings, shared, transfer

urlpatterns = [
    path("", asking.home, name="home"),
    path("chat/", asking.new_chat, name="new_chat"),
    path("chat/all/", sessions.all_sessions, name="all_sessions"),
    path("chat/export/", transfer.export_sessions, name="export_sessions"),
    path("chat/import/", transfer.import_sessions, name="import_sessions"),
    path("chat/undelete/", sessions.undelete, name="undelete_sessions"),
    path("chat/<uuid:session_id>/", asking.session, name="session"),
    path("chat/<uuid:session_id>/live/", live.live, name="live_session"),
    path("chat/<uuid:session_id>/rename/", sessions.rename, name="rename_session"),
    path("chat/<uuid:session_id>/delete/", sessions.delete, name="delete_session"),
    path("chat/<uuid:session_id>/export/", transfer.export_session, name="export_session"),
    path("chat/<uuid:session_id>/share/", shared.share, name="share_session"),
    path("chat/<uuid:session_id>/share/revoke/", shared.revoke, name="revoke_link"),
    path("s/<slug:token>/", shared.shared, name="shared"),
    path("chat/<uuid:session_id>/settings/", settings.session_settings, name="session_settings"),
    path("settings/model/", settings.model_defaults, name="model_defaults"),
    path("settings/presets/", settings.preset_list, name="presets"),
    path("settings/presets/new/", settings.new_preset, name="new_preset"),
    path("settings/presets/<uuid:preset_id>/", settings.edit_preset, name="edit_preset"),
    path("settings/presets/<uuid:preset_id>/delete/", settings.delete_preset, name="delete_preset"),
    path("interactions/<uuid:interaction_id>/stream/", streams.stream, name="stream_interaction"),
    path("interactions/<uuid:interaction_id>/stop/", interactions.stop, name="stop_interaction"),
    path("interactions/<uuid:interaction_id>/continue/", interactions.continue_answer, name="continue_interaction"),
    path("interactions/<uuid:interaction_id>/regenerate/", interactions.regenerate, name="regenerate_interaction"),
    path("interactions/<uuid:interaction_id>/edit/", interactions.edit, name="edit_interaction"),
    path("interactions/<uuid:interaction_id>/rate/", interactions.rate, name="rate_interaction"),
    path("interactions/<uuid:interaction_id>/markdown/", interactions.source, name="interaction_source"),
]
