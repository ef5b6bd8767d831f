"""Users and sessions in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import admin as auth_admin
from django.contrib.auth import forms as auth_forms
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import services
from accounts.models import User, UserSession
from accounts.preferences import zone_names
from accounts.selectors import session_view

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

    # Generic for the type checker alone: the classes take no index at run time.
    UserModelForm = forms.ModelForm[User]
    UserCreationForm = auth_forms.AdminUserCreationForm[User]
    PasswordForm = auth_forms.AdminPasswordChangeForm[User]
    UserModelAdmin = auth_admin.UserAdmin[User]
    SessionModelAdmin = admin.ModelAdmin[UserSession]
else:
    UserModelForm, SessionModelAdmin = forms.ModelForm, admin.ModelAdmin
    UserCreationForm = auth_forms.AdminUserCreationForm
    PasswordForm = auth_forms.AdminPasswordChangeForm
    UserModelAdmin = auth_admin.UserAdmin

admin.site.site_header = admin.site.site_title = "BTC Watcher"


class UserForm(UserModelForm):
    """A user without their password, which has a page of its own."""

    class Meta:
        model = User
        fields = ("username", "email", "language", "timezone", "preferences")

    def clean_timezone(self) -> str:
        """Refuse what is no time zone."""
        name = str(self.cleaned_data["timezone"])
        if name not in zone_names():
            raise forms.ValidationError(
                _("“%(name)s” is no time zone; an example is Asia/Shanghai."),
                params={"name": name},
            )
        return name


class UserAddForm(UserCreationForm):
    """A new user with a password."""

    class Meta:
        model = User
        fields = ("username", "email")


class UserPasswordForm(PasswordForm):
    """A new password, after which the old one's sessions and tokens are over."""

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - Django's own
        """Store the password and end every session and token of the user."""
        user: User = super().save(commit=commit)
        services.sessions_revoke_all(user=user)
        return user


@admin.register(User)
class UserAdmin(UserModelAdmin):
    """People. A password hash is never shown."""

    form = UserForm
    add_form = UserAddForm
    change_password_form = UserPasswordForm
    list_display = ("username", "email", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("username", "email")
    ordering = ("username",)
    readonly_fields = ("password_link", "last_login", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("username", "password_link", "email")}),
        (_("Preferences"), {"fields": ("language", "timezone", "preferences")}),
        (
            _("Permissions"),
            {
                "fields": (
                    "is_active",
                    "is_staff",
                    "is_superuser",
                    "groups",
                    "user_permissions",
                )
            },
        ),
        (_("Times"), {"fields": ("last_login", "created_at", "updated_at")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": (
                    "username",
                    "email",
                    "usable_password",
                    "password1",
                    "password2",
                ),
            },
        ),
    )

    @admin.display(description=_("password"))
    def password_link(self, user: User) -> str:
        """Return a link to the page that sets a password."""
        address = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('<a href="{}">{}</a>', address, _("Set a new password"))


@admin.register(UserSession)
class UserSessionAdmin(SessionModelAdmin):
    """Logins and API tokens: to look at, and to end."""

    list_display = ("user", "kind", "label", "ip_address", "created_at", "expires_at")
    list_select_related = ("user",)
    list_filter = ("expires_at",)
    search_fields = ("user__username", "ip_address", "user_agent")
    date_hierarchy = None
    fields = readonly_fields = (
        "user",
        "kind",
        "label",
        "ip_address",
        "created_at",
        "expires_at",
    )
    actions = ("revoke",)

    @admin.display(description=_("kind"))
    def kind(self, row: UserSession) -> str:
        """Return what the row belongs to."""
        return str(_("browser") if session_view(row).is_browser else _("API token"))

    @admin.display(description=_("name or program"))
    def label(self, row: UserSession) -> str:
        """Return the token's name, or the browser."""
        shown = session_view(row)
        return shown.name or shown.user_agent

    @admin.action(
        description=_("End the selected sessions and tokens"), permissions=["delete"]
    )
    def revoke(self, request: HttpRequest, rows: QuerySet[UserSession]) -> None:
        """End the chosen sessions at once."""
        count = sum(
            services.session_revoke(session_id=identifier)
            for identifier in rows.values_list("id", flat=True)
        )
        sentence = ngettext(
            "%(count)d session was ended.", "%(count)d sessions were ended.", count
        ) % {"count": count}
        self.message_user(request, sentence, messages.SUCCESS)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer ending under its own name only."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Sessions are made by logging in."""
        return False

    def has_change_permission(
        self,
        request: HttpRequest,
        obj: UserSession | None = None,
    ) -> bool:
        """Nothing about a session can be edited."""
        return False
