from __future__ import annotations

from django.urls import path

from api.schema import views as schema
from api.views import accounts, chat, generate, interactions, jwt, sessions

urlpatterns = [
    path("schema/", schema.schema, name="api_schema"),
    path("docs/", schema.swagger, name="api_docs"),
    path("redoc/", schema.redoc, name="api_redoc"),
    path("register/", accounts.Register.as_view(), name="api_register"),
    path("token/", jwt.Obtain.as_view(), name="api_token"),
    path("token/refresh/", jwt.Refresh.as_view(), name="api_token_refresh"),
    path("token/blacklist/", jwt.Blacklist.as_view(), name="api_token_blacklist"),
    path("generate/", generate.generate, name="api_generate"),
    path("chat/", chat.process_chat_message, name="process_chat_message"),
    path("sessions/", sessions.Sessions.as_view(), name="api_sessions"),
    path("sessions/<uuid:session_id>/", sessions.Session.as_view(), name="api_session"),
    path(
        "sessions/<uuid:session_id>/interactions/",
        interactions.SessionInteractions.as_view(),
        name="api_session_interactions",
    ),
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
]
