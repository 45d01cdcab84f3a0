"""``grammar``: TGI's four ways to say what the text must match, read in TGI's words."""

from typing import Any

import msgspec

from tgi.engines.base import Grammar
from tgi.errors import ValidationError

# Where a schema has further ones. Not ``allOf`` and the like: what one part names, another would forbid.
SCHEMAS = frozenset({"items", "additionalProperties"})
SCHEMA_LISTS = frozenset({"anyOf", "oneOf", "prefixItems"})
SCHEMAS_BY_NAME = frozenset({"properties", "$defs", "definitions"})
# What says something of further properties, and what may name some elsewhere.
OPEN = frozenset({"additionalProperties", "unevaluatedProperties", "patternProperties"})
COMBINED = frozenset({"allOf", "anyOf", "oneOf", "if", "$ref"})


class JsonGrammar(msgspec.Struct, frozen=True, tag_field="type", tag="json"):
    """A JSON schema, as an object or as text."""

    value: Any


class JsonObjectGrammar(msgspec.Struct, frozen=True, tag_field="type", tag="json_object"):
    """Another name of ``json``."""

    value: Any


class NamedSchema(msgspec.Struct, frozen=True):
    """A JSON schema with a name, which means nothing."""

    schema: Any
    name: str | None = None


class JsonSchemaGrammar(msgspec.Struct, frozen=True, tag_field="type", tag="json_schema"):
    """A JSON schema in OpenAI's envelope."""

    value: NamedSchema


class RegexGrammar(msgspec.Struct, frozen=True, tag_field="type", tag="regex"):
    """A regular expression for the whole text."""

    value: str


Shape = JsonGrammar | JsonObjectGrammar | JsonSchemaGrammar | RegexGrammar


def read_shape(grammar: dict[str, Any]) -> Shape:
    """One of the four; raises ``msgspec.ValidationError``."""
    shape: Shape = msgspec.convert(grammar, Shape)
    return shape


def read_grammar(grammar: dict[str, Any]) -> Grammar:
    """The schema or expression, which the engine has yet to compile. Raises ``ValidationError``."""
    try:
        shape = read_shape(grammar)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    if isinstance(shape, RegexGrammar):
        return Grammar("regex", shape.value)
    return Grammar("json_schema", _schema_text(shape))


def _invalid(reason: str) -> ValidationError:
    """A grammar that cannot be used, for the reason given."""
    return ValidationError(f"grammar is not valid: {reason}")


def _schema_text(shape: JsonGrammar | JsonObjectGrammar | JsonSchemaGrammar) -> str:
    schema = shape.value.schema if isinstance(shape, JsonSchemaGrammar) else shape.value
    if isinstance(schema, str):
        try:
            schema = msgspec.json.decode(schema)
        except (msgspec.DecodeError, RecursionError) as error:
            raise _invalid(str(error)) from None
    elif not isinstance(schema, dict):
        raise ValidationError("grammar is not supported")
    if not isinstance(schema, dict) or "properties" not in schema:
        raise _invalid("Grammar must have a 'properties' field")
    try:
        return msgspec.json.encode(closed(schema)).decode()
    except RecursionError:
        raise _invalid("it is nested too deeply") from None


def closed(schema: Any) -> Any:
    """The schema with objects that have the properties they name and no others, unless they say so, and where what has
    properties is an object: as in TGI."""
    if not isinstance(schema, dict):
        return schema
    if "properties" in schema and schema.keys() & COMBINED:
        return schema
    changed = {name: _closed_value(name, value) for name, value in schema.items()}
    if "properties" in schema:
        changed.setdefault("type", "object")
    if schema.get("properties") and not schema.keys() & OPEN:
        changed["additionalProperties"] = False
    return changed


def _closed_value(name: str, value: Any) -> Any:
    if name in SCHEMAS_BY_NAME and isinstance(value, dict):
        return {key: closed(schema) for key, schema in value.items()}
    if name in SCHEMA_LISTS and isinstance(value, list):
        return [closed(schema) for schema in value]
    return closed(value) if name in SCHEMAS else value
