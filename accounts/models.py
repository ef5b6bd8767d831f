"""People and their sessions."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import (
    AbstractBaseUser,
    BaseUserManager,
    PermissionsMixin,
)
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.audit.models import AuditEntry
from accounts.display import LANGUAGE_NOTED
from accounts.second_factor.models import SecondFactor
from btc_watcher.lib.columns import CreatedField, ObjectField, UpdatedField
from btc_watcher.lib.indexes import NamedIndex

__all__ = ["AuditEntry", "SecondFactor", "User", "UserSession"]


class UserManager(BaseUserManager["User"]):
    """Makes users; the names are those that Django's commands call."""

    def create_user(
        self, username: str, password: str | None = None, **fields: Any
    ) -> User:
        """Return a stored user; without a password nobody can log in as them.

        Without a language they read in that of their browser until they choose one.
        """
        if "language" not in fields:
            noted = {LANGUAGE_NOTED: User.Language.CHINESE.value}
            fields["preferences"] = noted | fields.get("preferences", {})
        user = self.model(username=self.model.normalize_username(username), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(
        self, username: str, password: str | None = None, **fields: Any
    ) -> User:
        """Return a stored user who may do everything."""
        return self.create_user(
            username, password, is_staff=True, is_superuser=True, **fields
        )


class User(AbstractBaseUser, PermissionsMixin):
    """A person who logs in: trader, operator or integrator."""

    class Language(models.TextChoices):
        """The languages of the pages."""

        CHINESE = "zh-CN", "简体中文"
        ENGLISH = "en", "English"

    id = models.AutoField(primary_key=True)
    username = models.CharField(_("user name"), max_length=50)
    password = models.CharField(
        _("password"), max_length=255, db_column="password_hash"
    )
    email = models.EmailField(_("email"), max_length=255, null=True, blank=True)
    language = models.CharField(
        _("language"),
        max_length=10,
        choices=Language,
        default=Language.CHINESE,
        db_default="zh-CN",
    )
    timezone = models.CharField(
        _("time zone"),
        max_length=50,
        default="Asia/Shanghai",
        db_default="Asia/Shanghai",
    )
    preferences = ObjectField(verbose_name=_("preferences"))
    security_info = ObjectField(verbose_name=_("security information"), editable=False)
    is_active = models.BooleanField(_("active"), default=True, db_default=True)
    is_staff = models.BooleanField(
        _("may use the admin"), default=False, db_default=False
    )
    created_at = CreatedField(verbose_name=_("created"))
    updated_at = UpdatedField(verbose_name=_("updated"))

    objects = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = []

    class Meta:
        db_table = "users"
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ["username"]
        # What roles are made of besides Django's own (see accounts.roles). Names of
        # permissions are stored in the database, so they are not translated.
        permissions = [
            ("write", "May write: make and change what others see"),
            ("operate", "May operate: start, stop, test, install"),
            ("administer", "May administer: users, roles, the audit"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["username"], name="users_username_key")
        ]
        indexes = [
            NamedIndex(fields=["username"], name="idx_users_username"),
            NamedIndex(fields=["email"], name="idx_users_email"),
        ]


class UserSession(models.Model):
    """One login or API token: only the hash of its token is kept."""

    id = models.UUIDField(
        primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False
    )
    user = models.ForeignKey(
        User,
        on_delete=models.CASCADE,
        related_name="sessions",
        null=True,
        db_index=False,
        # The constraint with ON DELETE CASCADE is made by the migration.
        db_constraint=False,
    )
    token_hash = models.CharField(max_length=255)
    expires_at = models.DateTimeField(_("expires"))
    ip_address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    user_agent = models.TextField(_("browser"), null=True, blank=True)
    # Of API tokens only; a browser login has no name. Null scopes are all rights.
    name = models.CharField(
        _("name"), max_length=100, blank=True, default="", db_default=""
    )
    scopes = ArrayField(
        models.CharField(max_length=20), null=True, blank=True, verbose_name=_("scopes")
    )
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    created_at = CreatedField(verbose_name=_("created"))

    class Meta:
        db_table = "user_sessions"
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        ordering = ["-created_at"]
        indexes = [
            NamedIndex(fields=["user"], name="idx_user_sessions_user_id"),
            NamedIndex(fields=["token_hash"], name="idx_user_sessions_token_hash"),
            NamedIndex(fields=["expires_at"], name="idx_user_sessions_expires_at"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.created_at:%Y-%m-%d %H:%M}"
