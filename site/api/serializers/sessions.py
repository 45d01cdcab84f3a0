from __future__ import annotations

from typing import Any

from rest_framework import serializers

from api.schema import example, extend_schema_field
from api.schema.samples import INTERACTION_ID, SESSION, SESSION_ID
from api.serializers.fields import ParametersField
from api.serializers.queries import OneOf
from api.serializers.strict import StrictTypes
from chat.models import TITLE_MAX_LENGTH, ChatSession
from chat.presets import SYSTEM_PROMPT_MAX_LENGTH

FIELDS = ["id", "title", "system_prompt", "parameters", "pinned", "archived", "created", "updated"]

# That one request may do something to.
MOST_AT_ONCE = 1000


HIT = {"interaction_id": INTERACTION_ID, "snippet": "Why is the sky blue?"}


@example(response=SESSION)
class SessionOutput(serializers.ModelSerializer[ChatSession]):
    """A session."""

    parameters = serializers.DictField()

    class Meta:
        model = ChatSession
        fields = FIELDS
        read_only_fields = FIELDS


class HitOutput(serializers.Serializer[Any]):
    """A question, with its answer, that has what was searched for; `snippet` is the text around the first of it."""

    interaction_id = serializers.UUIDField()
    snippet = serializers.CharField()


class ListedSessionOutput(SessionOutput):
    """A session of a list. `hits`: where a search found something in it, the newest first; none: in its title."""

    hits = serializers.SerializerMethodField()

    class Meta(SessionOutput.Meta):
        fields = [*FIELDS, "hits"]
        read_only_fields = fields

    @extend_schema_field(HitOutput(many=True, allow_null=True))
    def get_hits(self, session: ChatSession) -> list[dict[str, Any]] | None:
        found = self.context.get("hits")
        return None if found is None else [dict(one) for one in HitOutput(found.get(session.pk, []), many=True).data]


@example(response={"results": [{**SESSION, "hits": [HIT]}], "next": None, "previous": None, "is_cut": False})
class SessionsOutput(serializers.Serializer[Any]):
    """A page of sessions. `is_cut`: only of a search, whether there may be more than these."""

    results = ListedSessionOutput(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    is_cut = serializers.BooleanField(required=False)


@example(request={"title": "The sky", "parameters": {"temperature": 0.2}})
class SessionInput(StrictTypes, serializers.Serializer[Any]):
    """What of a session may be given, when it is made and later. What a preset has comes before what is given beside
    it. A session that is archived is not pinned, and one that is pinned leaves the archive; of both, archiving wins."""

    title = serializers.CharField(max_length=TITLE_MAX_LENGTH, required=False, allow_blank=True)
    system_prompt = serializers.CharField(
        max_length=SYSTEM_PROMPT_MAX_LENGTH, required=False, allow_blank=True, trim_whitespace=False
    )
    parameters = ParametersField(required=False)
    pinned = serializers.BooleanField(required=False)
    archived = serializers.BooleanField(required=False)
    preset_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="Take the system prompt and the parameters of this preset of yours."
    )


@example(request={"ids": [SESSION_ID], "action": "archive"})
class BulkInput(StrictTypes, serializers.Serializer[Any]):
    """What to do to which sessions. Ids of which there is no session of yours change nothing."""

    ids = serializers.ListField(child=serializers.UUIDField(), allow_empty=False, min_length=1, max_length=MOST_AT_ONCE)
    action = OneOf(["pin", "unpin", "archive", "unarchive", "delete", "undelete"])


@example(response={"count": 1})
class BulkOutput(serializers.Serializer[Any]):
    """`count`: how many sessions it was done to."""

    count = serializers.IntegerField()
