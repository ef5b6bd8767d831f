"""Errors that nobody was told of are found every minute, however many there are."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0006_watch_states")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX error_logs_untold ON error_logs (id) WHERE NOT resolved"
            " AND context ? 'fingerprint' AND NOT context ? 'told_at'",
            "DROP INDEX error_logs_untold",
        )
    ]
