"""Registration of the app."""

from __future__ import annotations

import sys
from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.management import create_permissions
from django.db import connections, router
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """People, their sessions and tokens, roles and the audit."""

    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        """Have roles and the audit follow what a migration made."""
        # Imported late: it names other modules of this app.
        from accounts.audit.actor import command_noted  # noqa: PLC0415

        post_migrate.connect(_after_migrating)
        command_noted(sys.argv)


def _after_migrating(*, sender: AppConfig, using: str, **told: Any) -> None:
    """Run once, after the last app; it is told before Django's own step for that app."""
    # Imported late: models do not exist yet when apps are registered.
    from accounts.audit.triggers import triggers_keep  # noqa: PLC0415
    from accounts.role_groups import role_groups_keep  # noqa: PLC0415

    with_models = [each for each in apps.get_app_configs() if each.models_module]
    allowed = router.allow_migrate(using, "accounts", model_name="user")
    if sender is not with_models[-1] or not allowed:
        return
    create_permissions(sender, using=using, verbosity=told.get("verbosity", 0))
    triggers_keep(connections[using])
    role_groups_keep(using)
