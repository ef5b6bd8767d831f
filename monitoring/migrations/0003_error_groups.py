"""One row in error_logs per group of errors."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0002_first_partitions")]

    operations = [
        migrations.RunSQL(
            "CREATE UNIQUE INDEX error_logs_fingerprint ON error_logs"
            " ((context ->> 'fingerprint')) WHERE (context ? 'fingerprint')",
            "DROP INDEX error_logs_fingerprint",
        )
    ]
