from __future__ import annotations

from typing import Any

from rest_framework import serializers

from api.serializers.queries import OneOf
from chat.transfer.importing import Report


class ExportQuery(serializers.Serializer[Any]):
    """In which format: `json` has everything and can be imported again, `markdown` is for people."""

    format = OneOf(["json", "markdown"], required=False, default="json")


class SessionExportQuery(ExportQuery):
    """The same of one session. `at`: an interaction through which the path of the Markdown leads; without it, it is the
    one that the session's page shows."""

    at = serializers.UUIDField(required=False)


class ManyExportQuery(ExportQuery):
    """The same of those sessions that are named, each as a `session_id` of its own; without any, of all."""

    # With the format, as many fields as DATA_UPLOAD_MAX_NUMBER_FIELDS.
    session_id = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=199)


class LeftOutOutput(serializers.Serializer[Any]):
    """Chats of the file that were not taken in, and why."""

    reason = serializers.CharField()
    count = serializers.IntegerField()
    titles = serializers.ListField(child=serializers.CharField(allow_blank=True))


class ImportOutput(serializers.Serializer[Any]):
    """What came of an import: how many sessions, with how many interactions, under which ids; how many messages of
    tools and programs in them were not taken in; and which chats were not, with the reason."""

    sessions = serializers.IntegerField()
    interactions = serializers.IntegerField()
    session_ids = serializers.ListField(child=serializers.UUIDField())
    skipped_messages = serializers.IntegerField()
    left_out = LeftOutOutput(many=True)


def import_output(report: Report) -> dict[str, Any]:
    left_out = [
        {"reason": str(reason), "count": len(titles), "titles": [title for title in titles if title]}
        for reason, titles in report.left_out.items()
    ]
    return dict(
        ImportOutput(
            {
                "sessions": report.chats,
                "interactions": report.messages,
                "session_ids": report.session_ids,
                "skipped_messages": report.skipped,
                "left_out": left_out,
            }
        ).data
    )
