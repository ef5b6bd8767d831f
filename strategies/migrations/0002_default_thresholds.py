"""Give strategies without thresholds the defaults of the specification (5.1)."""

from django.db import migrations

SET_DEFAULTS = """
UPDATE strategies
SET signal_thresholds = '{"strong": 80, "medium": 50, "weak": 20}'
WHERE signal_thresholds IS NULL OR signal_thresholds = '{}'
"""


class Migration(migrations.Migration):
    dependencies = [("strategies", "0001_initial")]
    # Nothing to undo: thresholds that were absent and thresholds that equal the
    # defaults mean the same.
    operations = [migrations.RunSQL(SET_DEFAULTS, migrations.RunSQL.noop)]
