"""JSON web tokens can be revoked: each carries its account's generation, and is good while that is the same.

The database itself raises it when a password changes and when an account is deactivated, so that every way of doing
so counts: the pages, the API, the administration, a command, a statement. It also never lets it go down: an account
that was loaded before and is saved whole afterwards would bring revoked tokens back.
"""

from django.db import migrations, models

RAISE = """
CREATE FUNCTION accounts_raise_token_generation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.token_generation := greatest(NEW.token_generation, OLD.token_generation);
    IF NEW.password IS DISTINCT FROM OLD.password OR (OLD.is_active AND NOT NEW.is_active) THEN
        NEW.token_generation := NEW.token_generation + 1;
    END IF;
    RETURN NEW;
END
$$
"""

TRIGGER = """
CREATE TRIGGER accounts_raise_token_generation BEFORE UPDATE ON accounts_user
FOR EACH ROW EXECUTE FUNCTION accounts_raise_token_generation()
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_settings_and_log_ins"),
        ("token_blacklist", "0013_alter_blacklistedtoken_options_and_more"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="token_generation",
            field=models.IntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.RunSQL(RAISE, "DROP FUNCTION accounts_raise_token_generation()"),
        migrations.RunSQL(TRIGGER, "DROP TRIGGER accounts_raise_token_generation ON accounts_user"),
        # Refresh tokens stood here in clear, for whoever reads a backup: see accounts.apps.
        migrations.RunSQL("UPDATE token_blacklist_outstandingtoken SET token = ''", migrations.RunSQL.noop),
    ]
