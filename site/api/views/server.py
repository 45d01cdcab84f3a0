"""What the server is: what a client has to know to show what it can do. Nothing here waits for the model."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.signup import signup_is_open
from api.schema import example, extend_schema
from chat.models import QUERY_MAX_LENGTH
from chat.parameters import DEFAULTS
from chat.process import current
from inference.protocol import ModelInfo


@example(response={"name": "Parley", "signup_open": True})
class ServerOutput(serializers.Serializer[Any]):
    """What anybody may know. `signup_open`: whether POST /api/register/ makes accounts."""

    name = serializers.CharField()
    signup_open = serializers.BooleanField()


class Server(APIView):
    """The server."""

    permission_classes = [AllowAny]
    authentication_classes = []

    @extend_schema(operation_id="server", summary="See what the server is", responses={200: ServerOutput})
    def get(self, request: Request) -> Response:
        """For everybody. The model is at /api/model/."""
        return Response(ServerOutput({"name": "Parley", "signup_open": signup_is_open()}).data)


@example(
    response={
        "id": "HuggingFaceTB/SmolLM2-135M-Instruct",
        "max_input_tokens": 4096,
        "max_total_tokens": 8192,
        "default_parameters": DEFAULTS,
        "max_message_characters": QUERY_MAX_LENGTH,
        "max_running_answers": 8,
        "version": "0.1.0",
    }
)
class ModelOutput(serializers.Serializer[Any]):
    """The model, as far as it is known: null where it is not, or not yet."""

    id = serializers.CharField(allow_null=True)
    max_input_tokens = serializers.IntegerField(allow_null=True, help_text="That a prompt may have.")
    max_total_tokens = serializers.IntegerField(allow_null=True, help_text="The window: a prompt and its answer.")
    default_parameters = serializers.DictField(help_text="What is used where neither you nor the session chose.")
    max_message_characters = serializers.IntegerField()
    max_running_answers = serializers.IntegerField(help_text="That you may have at the same time.")
    version = serializers.CharField(help_text="Parley's.")


class Model(APIView):
    """The model that answers."""

    @extend_schema(operation_id="model", summary="See which model answers", responses={200: ModelOutput})
    def get(self, request: Request) -> Response:
        """From memory: it never waits for the model. What is not known yet is asked for meanwhile."""
        process = current()
        info = (process.known_model() if process else None) or ModelInfo()
        found = {
            "id": info.model_id or None,
            "max_input_tokens": info.max_input_tokens,
            "max_total_tokens": info.max_total_tokens,
            "default_parameters": DEFAULTS,
            "max_message_characters": QUERY_MAX_LENGTH,
            "max_running_answers": settings.ENV.answers_per_user,
            "version": settings.VERSION,
        }
        return Response(ModelOutput(found).data)
