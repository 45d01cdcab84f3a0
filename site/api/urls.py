from __future__ import annotations

from django.urls import path
from rest_framework_simplejwt.views import TokenBlacklistView, TokenObtainPairView, TokenRefreshView

from api import chat, views

urlpatterns = [
    path("register/", views.Register.as_view(), name="api_register"),
    path("token/", TokenObtainPairView.as_view(), name="api_token"),
    path("token/refresh/", TokenRefreshView.as_view(), name="api_token_refresh"),
    path("token/blacklist/", TokenBlacklistView.as_view(), name="api_token_blacklist"),
    path("chat/", chat.process_chat_message, name="process_chat_message"),
    path("sessions/", views.Sessions.as_view(), name="api_sessions"),
    path("sessions/<uuid:session_id>/", views.Session.as_view(), name="api_session"),
    path(
        "sessions/<uuid:session_id>/interactions/",
        views.SessionInteractions.as_view(),
        name="api_session_interactions",
    ),
    path("interactions/<uuid:interaction_id>/", views.OneInteraction.as_view(), name="api_interaction"),
    path("interactions/<uuid:interaction_id>/stream/", chat.stream_interaction, name="api_interaction_stream"),
    path("interactions/<uuid:interaction_id>/stop/", views.StopInteraction.as_view(), name="api_interaction_stop"),
    path(
        "interactions/<uuid:interaction_id>/continue/",
        views.ContinueInteraction.as_view(),
        name="api_interaction_continue",
    ),
    path(
        "interactions/<uuid:interaction_id>/regenerate/",
        views.RegenerateInteraction.as_view(),
        name="api_interaction_regenerate",
    ),
]
