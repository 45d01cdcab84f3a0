from __future__ import annotations

from django.urls import path

from chat import streams, views

urlpatterns = [
    path("", views.home, name="home"),
    path("chat/", views.new_chat, name="new_chat"),
    path("chat/all/", views.all_sessions, name="all_sessions"),
    path("chat/<uuid:session_id>/", views.session, name="session"),
    path("chat/<uuid:session_id>/rename/", views.rename, name="rename_session"),
    path("chat/<uuid:session_id>/delete/", views.delete, name="delete_session"),
    path("interactions/<uuid:interaction_id>/stream/", streams.stream, name="stream_interaction"),
    path("interactions/<uuid:interaction_id>/stop/", views.stop, name="stop_interaction"),
    path("interactions/<uuid:interaction_id>/continue/", views.continue_answer, name="continue_interaction"),
    path("interactions/<uuid:interaction_id>/regenerate/", views.regenerate, name="regenerate_interaction"),
]
