from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from limits.models import Allowance, Usage


@admin.register(Allowance)
class AllowanceAdmin(admin.ModelAdmin[Allowance]):
    list_display = ["user", "tokens_per_day"]
    list_select_related = ["user"]
    search_fields = ["user__username"]
    autocomplete_fields = ["user"]


@admin.register(Usage)
class UsageAdmin(admin.ModelAdmin[Usage]):
    """To look at: it is written with the end of each answer."""

    list_display = ["day", "owner", "prompt_tokens", "generated_tokens"]
    list_select_related = ["owner"]
    search_fields = ["owner__username"]
    date_hierarchy = "day"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Usage | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Usage | None = None) -> bool:
        return False
