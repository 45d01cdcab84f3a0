"""Presets over REST: system prompts and parameters under a name."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import etags
from api.schema import ETAG, IF_MATCH, IF_NONE_MATCH, UNCHANGED, errors, extend_schema
from api.serializers.presets import PresetChangeInput, PresetInput, PresetOutput
from api.views.sessions import checked, owner_of
from chat import presets
from chat.access import get_preset, presets_of
from chat.models import Preset

NAME_TAKEN = "You have a preset of this name. Choose another one."


class Presets(GenericAPIView[Preset]):
    """The presets of one user."""

    serializer_class = PresetOutput
    page_ordering = ["name", "id"]

    @extend_schema(operation_id="presets_list", summary="List your presets", responses={200: PresetOutput(many=True)})
    def get(self, request: Request) -> Response:
        """By name."""
        page = self.paginate_queryset(presets_of(owner_of(request)))
        return self.get_paginated_response(PresetOutput(page or [], many=True).data)

    @extend_schema(
        operation_id="presets_create",
        summary="Make a preset",
        request=PresetInput,
        parameters=[ETAG],
        responses={201: PresetOutput},
    )
    def post(self, request: Request) -> Response:
        """What is not given is the server's choice."""
        given = {"system_prompt": "", "parameters": {}, **checked(PresetInput, request.data)}
        made = _named(lambda: presets.make(owner=owner_of(request), **given))
        response = _with_etag(made, status.HTTP_201_CREATED)
        response["Location"] = f"/api/presets/{made.pk}/"
        return response


class OnePreset(APIView):
    """One preset. It has an ETag: see `api.etags`."""

    @extend_schema(
        operation_id="presets_retrieve",
        summary="Read a preset",
        parameters=[IF_NONE_MATCH, ETAG],
        responses={200: PresetOutput, 304: UNCHANGED, **errors("invalid")},
    )
    def get(self, request: Request, preset_id: UUID) -> Response | HttpResponse:
        return etags.answer(request, PresetOutput(get_preset(request.user, preset_id)).data)

    @extend_schema(
        operation_id="presets_partial_update",
        summary="Change a preset",
        request=PresetChangeInput,
        parameters=[IF_MATCH, ETAG],
        responses={200: PresetOutput, **errors("precondition_failed")},
    )
    def patch(self, request: Request, preset_id: UUID) -> Response:
        """Sessions that were given it keep what it had. Without `If-Match` the last one who changes it wins."""
        preset = get_preset(request.user, preset_id)
        chosen = checked(PresetChangeInput, request.data)
        check = _check(request)
        return _with_etag(_named(lambda: presets.change_some(preset=preset, chosen=chosen, check=check)))

    @extend_schema(
        operation_id="presets_destroy",
        summary="Delete a preset",
        parameters=[IF_MATCH],
        responses={204: None, **errors("invalid", "precondition_failed")},
    )
    def delete(self, request: Request, preset_id: UUID) -> Response:
        """Sessions that were given it keep what it had."""
        presets.delete_checked(preset=get_preset(request.user, preset_id), check=_check(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _check(request: Request) -> presets.Check:
    return lambda preset: etags.require_match(request, PresetOutput(preset).data)


def _named(save: Any) -> Preset:
    """Raises ValidationError where the name is taken."""
    try:
        preset: Preset = save()
    except presets.NameTaken:
        raise ValidationError({"name": [NAME_TAKEN]}, "unique") from None
    return preset


def _with_etag(preset: Preset, status_code: int = status.HTTP_200_OK) -> Response:
    data = PresetOutput(preset).data
    return Response(data, status=status_code, headers={"ETag": etags.etag_of(data)})
