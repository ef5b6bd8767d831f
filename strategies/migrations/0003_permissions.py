from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("strategies", "0002_default_thresholds")]

    operations = [
        migrations.AlterModelOptions(
            name="strategy",
            options={
                "ordering": ["name"],
                "permissions": [
                    ("upload_code", "Can bring or change the code of strategies"),
                    ("trade_live", "Can let strategies trade for real"),
                ],
                "verbose_name": "strategy",
                "verbose_name_plural": "strategies",
            },
        ),
    ]
