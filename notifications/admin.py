"""Channels, silences, alerts and the history in the admin."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.admin import HistoryAdmin, links
from btc_watcher.lib.admin_actions import tell
from btc_watcher.lib.admin_filters import LinkedFilter, PeriodFilter
from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.lib.redis_keys import PRIORITIES
from notifications.forms import ChannelForm, SilenceModelForm
from notifications.forms.raw import PREFIX
from notifications.history import notification_by_id, signal_id_of
from notifications.models import (
    Alert,
    ChannelType,
    Notification,
    NotificationChannel,
    NotificationSilence,
)
from notifications.services import channel_config_shown, channel_test
from notifications.words import state_words

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

    # Generic for the type checker alone: the classes take no index at run time.
    ChannelModelAdmin = admin.ModelAdmin[NotificationChannel]
    SilenceModelAdmin = admin.ModelAdmin[NotificationSilence]
else:
    ChannelModelAdmin = SilenceModelAdmin = admin.ModelAdmin


@admin.register(NotificationChannel)
class ChannelAdmin(ChannelModelAdmin):
    """Channels, with a test that sends a message at once."""

    form = ChannelForm
    list_display = (
        *("name", "type", "enabled", "priority", "status", "last_test_time"),
        "more",
    )
    list_filter = ("type", "enabled", "status")
    search_fields = ("name",)
    readonly_fields = ("status", "last_test_time", "created_at", "updated_at", "more")
    actions = ("send_test",)

    def get_fieldsets(
        self, request: HttpRequest, obj: NotificationChannel | None = None
    ) -> Any:
        """Name the fields of secrets too, which the form makes by itself.

        Who only reads has no form, and would see the columns as they are stored.
        """
        names = list(ChannelForm(instance=obj).fields)
        if obj is not None and not self.has_change_permission(request, obj):
            names = [name for name in names if not name.startswith(PREFIX)]
            names[names.index("config")] = "shown_config"
        return [(None, {"fields": [*names, *self.readonly_fields]})]

    @admin.display(description=_("configuration"))
    def shown_config(self, channel: NotificationChannel) -> str:
        """Return the configuration without secrets."""
        return json.dumps(channel_config_shown(channel), ensure_ascii=False)

    def get_form(
        self,
        request: HttpRequest,
        obj: NotificationChannel | None = None,
        change: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        **kwargs: Any,
    ) -> type[ChannelForm]:
        """Return the form as it is: the admin's factory would drop our fields."""
        return ChannelForm

    def view_on_site(self, obj: NotificationChannel) -> str:
        """Return the page of the channel."""
        return reverse("notifications:channel", args=[obj.pk])

    def save_model(
        self, request: HttpRequest, obj: NotificationChannel, form: Any, change: Any
    ) -> None:
        """Save through the services, which encrypt the secrets."""
        obj.pk = form.save_channel().pk
        obj.refresh_from_db()

    def has_delete_permission(
        self, request: HttpRequest, obj: NotificationChannel | None = None
    ) -> bool:
        """Keep channels that have a history: switch them off instead."""
        if obj is None or obj.notifications.exists():
            return False
        return super().has_delete_permission(request, obj)

    @admin.display(description=_("more"))
    def more(self, channel: NotificationChannel) -> str:
        """Links to its page and to what it has sent."""
        if not channel.pk:
            return ""
        history = reverse("admin:notifications_notification_changelist")
        page = reverse("notifications:channel", args=[channel.pk])
        return links(
            ((page, _("page")), (f"{history}?channel_id={channel.pk}", _("history")))
        )

    @admin.action(description=_("Send a test message"), permissions=["change"])
    def send_test(
        self, request: HttpRequest, queryset: QuerySet[NotificationChannel]
    ) -> None:
        """Test the chosen channels and show each provider's answer."""
        sent: list[str] = []
        refused: list[str] = []
        for channel in queryset:
            try:
                result = channel_test(channel)
            except BtcWatcherError as error:
                refused.append(f"{channel}: {error.message}")
            else:
                (sent if result.ok else refused).append(f"{channel}: {result.answer}")
        tell(self, request, " · ".join(sent), refused)


class NotificationPeriodFilter(PeriodFilter):
    """The last 7 days by default."""

    column = "sent_at"


class ChannelFilter(LinkedFilter):
    """Messages of one channel."""

    model = NotificationChannel
    title = _("channel")
    parameter_name = column = "channel_id"


class SignalFilter(admin.SimpleListFilter):
    """Messages about one signal; it is there when a link led here."""

    title = _("signal")
    parameter_name = "signal_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the signal that was asked for."""
        number = signal_id_of(str(self.value() or ""))
        return [(str(number), str(number)[:8])] if number else []

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Notification]
    ) -> QuerySet[Notification]:
        """Keep what is about the signal."""
        number = signal_id_of(str(self.value() or ""))
        return queryset.filter(signal_id=number) if number else queryset


class ChannelTypeFilter(admin.SimpleListFilter):
    """The types that there can be: Django would look for those in all of the history."""

    title = _("type")
    parameter_name = "channel_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return every type of channel."""
        return list(ChannelType.choices)

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Notification]
    ) -> QuerySet[Notification]:
        """Keep one type, when it is one."""
        wanted = self.value()
        if wanted not in ChannelType.values:
            return queryset
        return queryset.filter(channel_type=wanted)


@admin.register(Notification)
class NotificationAdmin(HistoryAdmin):
    """The history, to be read only."""

    list_display = (
        "sent_at",
        "shown_priority",
        "shown_title",
        "channel",
        "message_type",
        "status",
        "shown_state",
        "retry_count",
        "error_message",
    )
    list_filter = (
        NotificationPeriodFilter,
        ChannelTypeFilter,
        *("status", "message_type"),
        ChannelFilter,
        SignalFilter,
    )
    # Opens the field; what it finds is below.
    search_fields = ("signal_id",)
    search_help_text = _("The whole number of a signal")
    readonly_fields = ("id", "signal", "shown_state")
    list_select_related = ("channel",)
    ordering = ("-sent_at", "-id")

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Notification | None:
        """Return one row, looked for among the newest first."""
        is_number = (
            object_id.isascii() and object_id.isdecimal() and len(object_id) < 19
        )
        return notification_by_id(int(object_id)) if is_number else None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find what is about a signal, by its number: nothing else has an index."""
        if not search_term.strip():
            return queryset, False
        number = signal_id_of(search_term.strip())
        return queryset.filter(signal_id=number) if number else queryset.none(), False

    @admin.display(description=_("signal"))
    def signal(self, row: Notification) -> str:
        """Link to the signal that it is about."""
        if row.signal_id is None:
            return ""
        where = reverse("admin:signals_app_signal_change", args=[row.signal_id])
        return links([(where, str(row.signal_id))])

    @admin.display(description=_("priority"))
    def shown_priority(self, row: Notification) -> str:
        """P0, P1 or P2."""
        return str(row.metadata.get("priority", ""))

    @admin.display(description=_("state"))
    def shown_state(self, row: Notification) -> str:
        """What the status alone does not say."""
        return " ".join(state_words(row.metadata))

    @admin.display(description=_("title"))
    def shown_title(self, row: Notification) -> str:
        """The title of the message."""
        return str(row.metadata.get("title") or row.content[:80])


@admin.register(NotificationSilence)
class SilenceAdmin(SilenceModelAdmin):
    """Silences; who makes one is written down."""

    form = SilenceModelForm
    list_display = ("reason", "starts_at", "ends_at", "created_by")
    readonly_fields = ("created_by", "created_at")

    def save_model(
        self, request: HttpRequest, obj: NotificationSilence, form: Any, change: Any
    ) -> None:
        """Name the person who made it."""
        if not change:
            obj.created_by = request.user.get_username()
        super().save_model(request, obj, form, change)


class PriorityFilter(admin.SimpleListFilter):
    """P0 to P2: Django would look for them in all of the table."""

    title = _("priority")
    parameter_name = "priority"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the priorities."""
        return [(name, name) for name in PRIORITIES]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Alert]
    ) -> QuerySet[Alert]:
        """Keep one priority, when it is one."""
        wanted = self.value()
        return queryset.filter(priority=wanted) if wanted in PRIORITIES else queryset


@admin.register(Alert)
class AlertAdmin(HistoryAdmin):
    """What is and was wrong, to be read only."""

    list_display = (
        "since",
        "priority",
        "title",
        "key",
        "told_count",
        "last_told_at",
        "resolved_at",
    )
    list_filter = (PriorityFilter, ("resolved_at", admin.EmptyFieldListFilter))
    ordering = ("-since", "-id")
