"""What search reads, and small indexes for the list of chats.

The indexes are over finished interactions alone: asking adds nothing to them, and neither do the checkpoints of an
answer that is being written. Its end does.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.db import ProgrammingError, migrations, models, transaction

# Languages that write no spaces: any two characters that stand side by side are as good as a word. PAIRS sets those
# apart that begin at even places, and the last character where it has no other; ODD takes the first character away, and
# all other languages, so that the pairs that begin at odd places come to even ones.
UNSPACED = r"\u2e80-\u9fff\uf900-\ufaff\uff66-\uff9f"
PAIRS = rf"regexp_replace(%s, '[{UNSPACED}]{{1,2}}', ' \& ', 'g')"
ODD = rf"regexp_replace(regexp_replace(%s, '[^{UNSPACED}]+', ' ', 'g'), '[{UNSPACED}]([{UNSPACED}]*)', '\1', 'g')"

# The words of a text. A text may be long, a vector may not (1 MB).
WORDS = rf"""
CREATE FUNCTION chat_words(given text) RETURNS tsvector IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql AS $$
    SELECT CASE WHEN given ~ '[{UNSPACED}]'
        THEN to_tsvector('simple', {PAIRS % "start"} || {PAIRS % (ODD % "start")})
        ELSE to_tsvector('simple', start) END
    FROM (SELECT left(given, 50000)) AS s (start)
$$
"""

# What a text must have that holds all this, at least: each of its words, or words that begin with them. NULL: no words.
BEGUN = rf"""
CREATE FUNCTION chat_begun(given text) RETURNS tsquery IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql AS $$
    SELECT string_agg('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || ''':*', ' & ')::tsquery
    FROM unnest(to_tsvector('simple', {PAIRS % "given"}))
$$
"""

TEXT = "(query_text || E'\\n' || final_response_text)"
FINISHED = "status IN ('complete', 'stopped', 'failed')"
# An index that is not cleaned up in small portions makes one answer wait for a large one.
PENDING = "WITH (gin_pending_list_limit = 512)"


def make_extension(apps: Any, schema_editor: Any) -> None:
    """pg_trgm is in every Postgres, and may be made by the owner of the database."""
    try:
        with transaction.atomic(using=schema_editor.connection.alias), schema_editor.connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except ProgrammingError as error:
        raise CommandError(
            "Search needs the extension pg_trgm, and this database user may not make it. As the database's owner or "
            f"a superuser run: CREATE EXTENSION pg_trgm; then start again. (Postgres says: {error})"
        ) from error


class Migration(migrations.Migration):
    dependencies = [("chat", "0003_settings_and_sharing")]

    operations = [
        migrations.RunPython(make_extension, migrations.RunPython.noop),
        migrations.RunSQL(WORDS, "DROP FUNCTION chat_words"),
        migrations.RunSQL(BEGUN, "DROP FUNCTION chat_begun"),
        migrations.RunSQL(
            f"CREATE INDEX interaction_words ON chat_interaction USING gin (chat_words{TEXT}) {PENDING} "
            f"WHERE {FINISHED}",
            "DROP INDEX interaction_words",
        ),
        migrations.RunSQL(
            f"CREATE INDEX interaction_parts ON chat_interaction USING gin ({TEXT} gin_trgm_ops) {PENDING} "
            f"WHERE {FINISHED}",
            "DROP INDEX interaction_parts",
        ),
        migrations.AddIndex(
            model_name="chatsession",
            index=models.Index(
                fields=["owner"], condition=models.Q(pinned=True, deleted=None), name="chatsession_pinned"
            ),
        ),
        migrations.AddIndex(
            model_name="chatsession",
            index=models.Index(
                fields=["deleted"], condition=models.Q(deleted__isnull=False), name="chatsession_deleted"
            ),
        ),
    ]
