"""Sessions as files over REST: exported as they are read, and imported."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.asynchronous import api_view, authenticate
from api.parsers import Archive, File, JSONFile
from api.schema import described, errors, examples, extend_schema
from api.schema.samples import EXPORT, IMPORT
from api.serializers.transfer import ImportOutput, ManyExportQuery, SessionExportQuery, import_output
from api.views.sessions import checked, owner_of
from chat.access import get_session
from chat.database import in_thread
from chat.models import ChatSession
from chat.responses import Unbuffered
from chat.transfer import export
from chat.transfer.importing import import_chats
from chat.transfer.markdown import file_name

NO_FILE = "Send the file as the body itself, or as the field `file` of a form."

# Content type, and the ending of the file's name.
FORMATS = {"json": ("application/json", "json"), "markdown": ("text/markdown; charset=utf-8", "md")}


FILES = {
    "application/json": {
        "type": ["object", "array"],
        "description": "An export of Parley, ChatGPT or Open WebUI, as it is.",
    },
    "application/zip": OpenApiTypes.BINARY,
    "application/octet-stream": OpenApiTypes.BINARY,
    "multipart/form-data": {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "string", "format": "binary"}},
    },
}
EXPORTED = [
    *examples(response=EXPORT),
    OpenApiExample("Markdown", value="# The sky\n\n…", media_type="text/markdown", response_only=True),
]
IMPORTED = [
    *examples(request=EXPORT, response=IMPORT),
    OpenApiExample("Archive", value="PK…", media_type="application/zip", request_only=True),
    OpenApiExample("File", value="PK…", media_type="application/octet-stream", request_only=True),
    OpenApiExample("Form", value={"file": "PK…"}, media_type="multipart/form-data", request_only=True),
]
FILE = {(200, "application/json"): OpenApiTypes.OBJECT, (200, "text/markdown"): OpenApiTypes.STR}


@described(
    get=extend_schema(
        operation_id="sessions_export",
        summary="Export a session",
        parameters=[SessionExportQuery],
        responses=FILE,
        examples=EXPORTED,
    )
)
@api_view("GET")
async def export_session(request: HttpRequest, session_id: UUID) -> HttpResponseBase:
    """JSON has all of it and can be imported again, Markdown is one conversation for people."""
    session = await in_thread(_look_up, request, session_id)
    query = checked(SessionExportQuery, request.GET)
    return _file(query, session.owner_id, [session.pk], title=str(session))


@described(
    get=extend_schema(
        operation_id="export",
        summary="Export several sessions, or all",
        parameters=[ManyExportQuery],
        responses=FILE,
        examples=EXPORTED,
    )
)
@api_view("GET")
async def export_sessions(request: HttpRequest) -> HttpResponseBase:
    """It is sent as it is read. Ids of which there is no session of yours are passed over."""
    owner = await in_thread(authenticate, request)
    query = checked(ManyExportQuery, request.GET)
    title = f"Chats of {timezone.localdate().isoformat()}"
    return _file(query, owner.pk, query.get("session_id") or None, title=title)


def _look_up(request: HttpRequest, session_id: UUID) -> ChatSession:
    return get_session(authenticate(request), session_id)


def _file(query: dict[str, Any], owner_id: int, session_ids: Collection[UUID] | None, *, title: str) -> Unbuffered:
    content_type, ending = FORMATS[query["format"]]
    if ending == "json":
        pieces = export.json_of(owner_id=owner_id, session_ids=session_ids)
    else:
        pieces = export.markdown_of(owner_id=owner_id, session_ids=session_ids, at=query.get("at"), language="en")
    response = Unbuffered(pieces, content_type=content_type)
    header = content_disposition_header(as_attachment=True, filename=file_name(title, ending))
    response["Content-Disposition"] = header or "attachment"
    return response


class Import(APIView):
    """Take in the chats of a file: Parley's own JSON, an export of ChatGPT's (JSON or ZIP), or Open WebUI's. How large
    it may be is looked at before it is read, and so is who sends it: see `config.limits`."""

    parser_classes = [JSONFile, Archive, File, MultiPartParser]

    @extend_schema(
        operation_id="import",
        summary="Import sessions",
        request=FILES,
        responses={200: ImportOutput, **errors("not_an_export")},
        examples=IMPORTED,
    )
    def post(self, request: Request) -> Response:
        """An export of Parley, ChatGPT or Open WebUI, as the body itself or as the field `file` of a form. Each chat is
        taken in wholly or not at all, under a new id; what is left out is named, with the reason."""
        report = import_chats(owner_id=owner_of(request).pk, data=_file_of(request.data))
        return Response(import_output(report))


def _file_of(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    file = body.get("file")
    if not hasattr(file, "read"):
        raise ValidationError({"file": [NO_FILE]})
    content: bytes = file.read()
    return content
