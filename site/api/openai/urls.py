from __future__ import annotations

from django.urls import path

from api.openai import views

urlpatterns = [
    path("models", views.models, name="openai_models"),
    # A model of the Hub has a slash in its name.
    path("models/<path:model_id>", views.model, name="openai_model"),
    path("chat/completions", views.chat_completions, name="openai_chat_completions"),
    path("completions", views.completions, name="openai_completions"),
]
