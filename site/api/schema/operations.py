"""How drf-spectacular describes an operation here: with its tag, and every error that it can give."""

from __future__ import annotations

import re
from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent
from rest_framework.permissions import SAFE_METHODS
from rest_framework.serializers import CharField

from api import codes
from api.authentication import AccessTokenAuthentication
from api.schema.errors import OPENAI, PROBLEM, Errors, by_status, response
from api.schema.headers import LIMITS
from api.schema.streams import MEDIA_TYPE, Stream
from api.serializers.fields import Question
from chat.parameters import Parameters

# The first part of the path after /api/ → the tag it is under.
TAGS = {
    "chat": "chat",
    "sessions": "sessions",
    "shared": "sessions",
    "export": "sessions",
    "import": "sessions",
    "interactions": "interactions",
    "register": "account",
    "token": "tokens",
    "tokens": "tokens",
    "presets": "presets",
    "generate": "inference",
    "server": "server",
    "model": "server",
    "schema": "schema",
}


NO_NUL, NOT_BLANK = r"^[^\u0000]*$", r"^[^\u0000]*[^\u0000\s][^\u0000]*$"


class Operation(AutoSchema):
    """An operation of /api/ or /v1."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> dict[str, Any] | None:
        self._codes: set[str] = set()
        self.method = method.upper()
        self.__dict__.pop("get_response_serializers", None)  # of a run before
        self._keep_success()
        operation = super().get_operation(path, path_regex, path_prefix, method, registry)
        if operation is None:
            return None
        found = {name: one for name, one in operation["responses"].items() if one}
        for status, of_one in by_status(self._codes | self._usual_codes(operation)).items():
            found[str(status)] = response(registry, status, of_one, OPENAI if path.startswith("/v1/") else PROBLEM)
        operation["responses"] = dict(sorted(found.items()))
        if "security" in operation:
            self._add_limits(found)
        return operation

    def _add_limits(self, responses: dict[str, Any]) -> None:
        """What is answered to somebody who is known says what they have left."""
        for status, one in responses.items():
            if status.startswith("2"):
                for name, header in LIMITS.items():
                    component = ResolvedComponent(name, ResolvedComponent.HEADER, schema=header, object=Errors)
                    self.registry.register_on_missing(component)
                    one.setdefault("headers", {})[name] = component.ref

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        """An answer that may be a stream is described by what the stream is described by."""
        found: dict[str, Any] = super()._get_response_bodies(direction)
        given: Any = self.get_response_serializers()
        for one in given.values() if isinstance(given, dict) else ():
            if isinstance(one, Stream) and not found["200"]["description"]:
                found["200"]["description"] = f"JSON; or, where a stream was asked for, events: {one.description}"
        return found

    def get_tags(self) -> list[str]:
        area, _, rest = self.path.removeprefix("/").partition("/")
        return ["openai"] if area == "v1" else [TAGS.get(rest.partition("/")[0], "account")]

    def get_auth(self) -> list[dict[str, Any]]:
        if AccessTokenAuthentication in self.view.authentication_classes:
            return [{"accessToken": []}]
        found: list[dict[str, Any]] = super().get_auth()
        return found

    def get_serializer_name(self, serializer: Any, direction: Literal["request", "response"]) -> str:
        """`ChatInput` in a request is ChatRequest, `SessionOutput` in a response Session."""
        return re.sub(r"(Input|Output)$", "", super().get_serializer_name(serializer, direction))

    def _keep_success(self) -> None:
        """Where an author names errors alone, the rest is as it is without them."""
        given = self.get_response_serializers()
        if given and isinstance(given, dict) and all(isinstance(one, Errors) for one in given.values()):
            self._codes.update(*(one.codes for one in given.values()))
            found = self._get_serializer()
            self.get_response_serializers = lambda: found

    def _usual_codes(self, operation: dict[str, Any]) -> set[str]:
        found = set(codes.OF_ALL)
        places = {one["in"] for one in operation.get("parameters", [])}
        names = {one["name"] for one in operation.get("parameters", [])}
        takes_personal = {"apiToken": []} in operation.get("security", [])
        for holds, more in (
            ("security" in operation, codes.OF_TOKEN),
            (takes_personal and self.method not in SAFE_METHODS, codes.OF_CHANGE),
            ("security" in operation and not takes_personal, codes.OF_ACCESS_TOKEN),
            ("requestBody" in operation, codes.OF_OPENAI_BODY if self.path.startswith("/v1/") else codes.OF_BODY),
            ("query" in places, codes.OF_QUERY),
            ("path" in places or "cursor" in names, codes.OF_PATH),
        ):
            found.update(more if holds else ())
        return found

    def _get_response_for_code(
        self, serializer: Any, status_code: str, media_types: Any = None, direction: str = "response"
    ) -> dict[str, Any]:
        if isinstance(serializer, Errors):
            self._codes |= serializer.codes
            return {}
        if isinstance(serializer, Stream):
            return self._stream(serializer)
        found: dict[str, Any] = super()._get_response_for_code(  # type: ignore[no-untyped-call]
            serializer, status_code, media_types, direction
        )
        return found

    def _map_serializer_field(
        self, field: Any, direction: Literal["request", "response"], bypass_extensions: bool = False
    ) -> Any:
        """With what texts that are sent may not be: Postgres keeps no NUL, and a blank one is none."""
        schema = super()._map_serializer_field(  # type: ignore[no-untyped-call]
            field, direction, bypass_extensions
        )
        if direction == "request" and isinstance(field, CharField) and schema and "pattern" not in schema:
            may_be_blank = field.allow_blank or not (field.trim_whitespace or isinstance(field, Question))
            schema["pattern"] = NO_NUL if may_be_blank else NOT_BLANK
        return schema

    def _stream(self, stream: Stream) -> dict[str, Any]:
        events = [self._event(name, one) for name, one in stream.events.items()]
        if stream.last is not None:
            events.append({"type": "object", "required": ["data"], "properties": {"data": {"const": stream.last}}})
        content = {
            # What ends a stream is data as well, for whoever does not read it as JSON.
            "schema": {"anyOf" if stream.last else "oneOf": events, "description": "Each event of the stream."},
            "examples": {"Stream": {"value": stream.example}},
        }
        return {"description": stream.description, "content": {MEDIA_TYPE: content}}

    def _event(self, name: str, serializer: Any) -> dict[str, Any]:
        data = self.resolve_serializer(serializer, "response").ref
        properties: dict[str, Any] = {
            "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": data}
        }
        if not name:
            return {"type": "object", "required": ["data"], "properties": properties}
        properties = {"event": {"const": name}, "id": {"type": "string"}, **properties}
        return {"type": "object", "required": ["event", "data"], "properties": properties}


class Bearer(OpenApiAuthenticationExtension):
    """Either kind of token, in the same header."""

    target_class = "api.authentication.BearerAuthentication"
    name = ["accessToken", "apiToken"]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        return [
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "`access` of POST /api/token/. It is good for 15 minutes.",
            },
            {
                "type": "http",
                "scheme": "bearer",
                "description": "A personal API token. Its scope `read` is for reading, `chat` for all else, too.",
            },
        ]


class ParametersSchema(OpenApiSerializerFieldExtension):
    """Generation parameters: one component, made from what checks them."""

    target_class = "api.serializers.fields.ParametersField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        schema = Parameters.model_json_schema()
        schema["description"] = "Generation parameters. What is not set is the server's choice."
        component = ResolvedComponent("Parameters", ResolvedComponent.SCHEMA, schema=schema, object=Parameters)
        auto_schema.registry.register_on_missing(component)
        return component.ref
