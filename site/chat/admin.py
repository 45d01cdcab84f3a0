from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from chat.models import ChatSession, Interaction


@admin.register(ChatSession)
class ChatSessionAdmin(admin.ModelAdmin[ChatSession]):
    list_display = ["__str__", "owner", "pinned", "archived", "created", "updated"]
    list_filter = ["archived", "pinned", "updated"]
    list_select_related = ["owner"]
    search_fields = ["title", "owner__username"]
    autocomplete_fields = ["owner"]
    date_hierarchy = "updated"


@admin.register(Interaction)
class InteractionAdmin(admin.ModelAdmin[Interaction]):
    """To look at, not to change: answers are written by the process that holds their lease."""

    list_display = ["__str__", "session", "status", "model_id", "generated_tokens", "duration_ms", "created"]
    list_filter = ["status", "error_code", "created"]
    list_select_related = ["session"]
    search_fields = ["query_text", "final_response_text", "session__title", "session__owner__username"]
    date_hierarchy = "created"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Interaction | None = None) -> bool:
        return False
