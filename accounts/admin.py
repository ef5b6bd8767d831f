"""Users and their groups in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import admin as auth_admin
from django.contrib.auth import forms as auth_forms
from django.contrib.auth.models import Group
from django.db import transaction
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy

from accounts import services
from accounts.admin_sessions import UserSessionAdmin
from accounts.audit.admin import AuditEntryAdmin
from accounts.cache import login_lock
from accounts.display import LANGUAGE_NOTED
from accounts.guesses import guess_lock, user_unlock
from accounts.models import User
from accounts.people import LastAdministratorError, administrator_remains, role_set
from accounts.preferences import zone_names
from accounts.roles import ADMINISTER, NAMES, Role, role_of
from accounts.second_factor.services import factor_reset
from btc_watcher.lib.admin import AnyModelAdmin, links
from btc_watcher.lib.admin_actions import asks_first

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

    # Generic for the type checker alone: the classes take no index at run time.
    UserModelForm = forms.ModelForm[User]
    UserCreationForm = auth_forms.AdminUserCreationForm[User]
    PasswordForm = auth_forms.AdminPasswordChangeForm[User]
    UserModelAdmin = auth_admin.UserAdmin[User]
else:
    UserModelForm = forms.ModelForm
    UserCreationForm = auth_forms.AdminUserCreationForm
    PasswordForm = auth_forms.AdminPasswordChangeForm
    UserModelAdmin = auth_admin.UserAdmin

__all__ = ["AuditEntryAdmin", "GroupAdmin", "UserAdmin", "UserSessionAdmin"]

admin.site.site_header = admin.site.site_title = "BTC Watcher"


class AdministratorsOnly(AnyModelAdmin):
    """Whoever could give roles could give themselves one: single permissions do not do."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let administrators in."""
        return super().has_add_permission(request) and _administers(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let administrators in."""
        return super().has_change_permission(request, obj) and _administers(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let administrators in."""
        return super().has_delete_permission(request, obj) and _administers(request)


def _administers(request: HttpRequest) -> bool:
    return request.user.has_perm(ADMINISTER)


def _role_field() -> forms.ChoiceField:
    return forms.ChoiceField(
        label=pgettext_lazy("person", "Role"),
        choices=[(role.value, NAMES[role]) for role in Role],
        initial=Role.VIEWER.value,
        help_text=_(
            "A viewer reads; an operator also writes and operates; an administrator"
            " also manages users, live trading and uploaded code."
        ),
    )


class UserForm(UserModelForm):
    """A user without their password, which has a page of its own."""

    role = _role_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "role" in self.fields:
            self.fields["role"].initial = role_of(self.instance).value

    def clean(self) -> dict[str, Any]:
        """Refuse what would leave nobody who can manage the system."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if "role" not in self.fields:
            return data
        leaves = data.get("role") != Role.ADMINISTRATOR or not data.get("is_active")
        if leaves and self.instance.pk:
            try:
                with transaction.atomic():
                    administrator_remains(without={self.instance.pk})
            except LastAdministratorError as error:
                raise forms.ValidationError(error.message) from None
        return data

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
    """A new user with a password and a role."""

    role = _role_field()

    class Meta:
        model = User
        fields = ("username", "email")

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - Django's own
        """Let them read in their browser's language until they choose one."""
        self.instance.preferences = {LANGUAGE_NOTED: self.instance.language}
        user: User = super().save(commit=commit)
        return user


class UserPasswordForm(PasswordForm):
    """A new password, after which the old one's sessions and tokens are over."""

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - Django's own
        """Store the password and end every session and token of the user."""
        user: User = super().save(commit=commit)
        services.sessions_revoke_all(user=user)
        return user


@admin.register(User)
class UserAdmin(AdministratorsOnly, UserModelAdmin):
    """People. A password hash is never shown."""

    form = UserForm
    add_form = UserAddForm
    change_password_form = UserPasswordForm
    list_display = ("username", "email", "role", "is_active", "factor", "last_login")
    list_filter = ("is_active", "groups")
    search_fields = ("username", "email")
    ordering = ("username",)
    readonly_fields = (
        "password_link",
        "last_login",
        "created_at",
        "updated_at",
        "factor",
        "logins",
        "more",
    )
    fieldsets = (
        (None, {"fields": ("username", "password_link", "email")}),
        (
            pgettext_lazy("person", "Role"),
            {"fields": ("role", "is_active", "user_permissions")},
        ),
        (_("Preferences"), {"fields": ("language", "timezone", "preferences")}),
        (_("Security"), {"fields": ("factor", "logins", "more")}),
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
                    "role",
                    "usable_password",
                    "password1",
                    "password2",
                ),
            },
        ),
    )
    actions = ("unlock", "reset_factor", "end_sessions")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Bring what the list shows of everybody at once."""
        rows: QuerySet[User] = super().get_queryset(request)
        return rows.select_related("second_factor").prefetch_related(
            "groups__permissions__content_type"
        )

    def save_related(
        self, request: HttpRequest, form: Any, formsets: Any, change: Any
    ) -> None:
        """Give the role that was chosen."""
        super().save_related(request, form, formsets, change)
        role_set(user=form.instance, role=Role(form.cleaned_data["role"]))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Protect the last administrator."""
        found, counts, needed, protected = super().get_deleted_objects(objs, request)
        try:
            with transaction.atomic():
                administrator_remains(without={each.pk for each in objs})
        except LastAdministratorError as error:
            protected = [*protected, error.message]
        return found, counts, needed, protected

    @admin.display(description=_("role"))
    def role(self, user: User) -> str:
        """Return the role in words."""
        return str(NAMES[_listed_role(user)])

    @admin.display(description=_("second factor"), boolean=True)
    def factor(self, user: User) -> bool:
        """Tell whether a code is asked for."""
        factor = getattr(user, "second_factor", None)
        return factor is not None and factor.confirmed_at is not None

    @admin.display(description=_("failed logins"))
    def logins(self, user: User) -> str:
        """Return how often logins failed in the last day, and for how long they wait."""
        count, wait = login_lock(user.get_username())
        wait = max(wait, guess_lock(user))
        if not wait:
            return str(count)
        words = _("%(count)d; new addresses wait %(wait)d seconds (unlock in the list)")
        return words % {"count": count, "wait": wait}

    @admin.action(
        description=_("Unlock logins of the selected users"), permissions=["change"]
    )
    def unlock(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        """Forget failed logins, codes and passwords."""
        answered = [user_unlock(user) for user in rows]
        if all(answered):
            self._told(request, len(answered))
            return
        words = _(
            "Redis does not answer, so failed logins could not be forgotten. They are not"
            " counted either until it is back; unlock again then."
        )
        self.message_user(request, words, messages.ERROR)

    @admin.display(description=_("more"))
    def more(self, user: User) -> str:
        """Links to the person's sessions, and to what they did and what was done to them."""
        if not user.pk:
            return ""
        sessions = reverse("admin:accounts_usersession_changelist")
        audit = reverse("admin:accounts_auditentry_changelist")
        return links(
            (
                (f"{sessions}?user_id={user.pk}", _("sessions and tokens")),
                (f"{audit}?actor_id={user.pk}", _("what they changed")),
                (
                    f"{audit}?target=users&q={user.pk}",
                    _("what was changed about them"),
                ),
            )
        )

    @admin.action(
        description=_("Take the second factor away from the selected users"),
        permissions=["change"],
    )
    @asks_first(_("They get in by their password alone until they set up a new one."))
    def reset_factor(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        """Let people in by password alone who lost their app and their codes."""
        self._told(request, sum(factor_reset(user=user) for user in rows))

    @admin.action(
        description=_("End all sessions and tokens of the selected users"),
        permissions=["change"],
    )
    @asks_first(_("They are logged out at once, and programs with their tokens stop."))
    def end_sessions(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        """End them at once."""
        for user in rows:
            services.sessions_revoke_all(user=user)
        self._told(request, len(rows))

    def _told(self, request: HttpRequest, count: int) -> None:
        words = ngettext(
            "%(count)d user was changed.", "%(count)d users were changed.", count
        )
        self.message_user(request, words % {"count": count}, messages.SUCCESS)

    @admin.display(description=_("password"))
    def password_link(self, user: User) -> str:
        """Return a link to the page that sets a password."""
        address = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('<a href="{}">{}</a>', address, _("Set a new password"))


def _listed_role(user: User) -> Role:
    """Return the role of one of many: from what was read for the whole list."""
    if user.is_superuser:
        return Role.ADMINISTRATOR
    names = {group.name for group in user.groups.all()}
    return max((role for role in Role if role in names), default=Role.VIEWER, key=_rank)


def _rank(role: Role) -> int:
    return list(Role).index(role)


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(AdministratorsOnly, auth_admin.GroupAdmin):
    """Groups of permissions; those of the roles are made by the program."""

    def has_change_permission(
        self, request: HttpRequest, obj: Group | None = None
    ) -> bool:
        """Keep the groups of the roles as they are."""
        return super().has_change_permission(request, obj) and not _is_role(obj)

    def has_delete_permission(
        self, request: HttpRequest, obj: Group | None = None
    ) -> bool:
        """Keep the groups of the roles."""
        return super().has_delete_permission(request, obj) and not _is_role(obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Remove groups one by one, where the roles are looked at."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


def _is_role(group: Group | None) -> bool:
    return group is not None and group.name in set(Role)
