"""Every reader gets alerts and system messages in one language: their channel's."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from notifications import services
from notifications.dispatch import messages_send
from notifications.models import Alert, Notification, NotificationChannel
from notifications.saying import Words, message_said
from notifications.selectors import alerts_open
from notifications.services import (
    alerts_repeat,
    channel_create,
    channel_update,
    notification_deliver,
    notification_resend,
)
from tests.languages import foreign, words_check
from tests.notifications.factories import AT_ONCE, NO_LIMITS
from tests.notifications.held import (
    MORNING,
    NIGHT,
    NOW,
    QUIET,
    channel,
    flush_and_deliver,
    later,
    row,
    rows_of,
)

if TYPE_CHECKING:
    from django.test import Client

    from tests.notifications.fakes import SmtpFake

pytestmark = pytest.mark.django_db(transaction=True)

BOTH_WAYS = pytest.mark.parametrize(
    ("installation", "language"),
    [("en", "zh-hans"), ("zh-hans", "en"), ("en", "en"), ("zh-hans", "zh-hans")],
)
ENGLISH = "Channel desk cannot send and was switched off"
CHINESE = "渠道 desk 无法发送，已停用"
TITLES = {"en": ENGLISH, "zh-hans": CHINESE}


def words() -> Words:
    """Say in the active language what is wrong."""
    return Words(
        _("Channel %(name)s cannot send and was switched off") % {"name": "desk"},
        _("Correct the cause, test the channel, and switch it on again."),
    )


def well() -> Words:
    """Say in the active language that it is over."""
    return Words(_("The proxy %(name)s was switched off") % {"name": "Tokyo"})


def wrong(now: Any = NOW, **changes: Any) -> None:
    """Raise an alert as a person does whose page is in the other language."""
    plain: dict[str, Any] = {"priority": "P1", "context": {"proxy_id": 7}}
    services.alert_raise(key="k", words=words, now=now, **(plain | changes))


def reader(mail: NotificationChannel, language: str, **config: Any) -> None:
    """Give the channel a language."""
    channel_update(mail, config=mail.config | {"language": language} | config)
    mail.refresh_from_db()


def delivered(mail: NotificationChannel) -> list[Notification]:
    """Deliver what waits, and return all rows."""
    for each in rows_of(mail):
        notification_deliver(notification_id=each.id)
    return rows_of(mail)


@BOTH_WAYS
@pytest.mark.parametrize("active", ["en", "zh-hans"])
def test_an_alert_is_in_the_channels_language_from_its_beginning_to_its_end(
    email_channel: NotificationChannel,
    smtp: SmtpFake,
    settings: Any,
    installation: str,
    language: str,
    active: str,
) -> None:
    settings.LANGUAGE_CODE = installation
    reader(email_channel, language, user=None)
    with override(active):
        wrong()
        alerts_repeat(now=later(NOW, 5 * 3600))
        services.alert_resolve(key="k", now=later(NOW, 6 * 3600))
        wrong(later(NOW, 7 * 3600))
        services.alert_resolve(key="k", now=later(NOW, 8 * 3600), words=well)
    # Until it is told, lists have it in the installation's language.
    waiting = rows_of(email_channel)
    assert waiting[0].metadata["title"] == TITLES[installation]
    for each in waiting:
        assert not foreign(each.content, installation, ["desk", "Tokyo"])
    with override(active):
        rows = delivered(email_channel)
    assert [each.status for each in rows] == ["sent"] * 5
    assert rows[0].metadata["title"] == TITLES[language]
    for each in rows:
        assert not foreign(each.content, language, ["desk", "Tokyo"]), each.content
    assert len(smtp.received) == 5
    assert Alert.objects.order_by("id")[0].title == TITLES[installation]


@BOTH_WAYS
def test_a_digest_and_a_catch_up_say_everything_in_the_channels_language(
    email_channel: NotificationChannel, settings: Any, installation: str, language: str
) -> None:
    settings.LANGUAGE_CODE = installation
    reader(email_channel, language, quiet_hours=QUIET, speed={})
    for key in ("a", "b"):
        services.alert_raise(key=key, priority="P1", words=words, context={}, now=NIGHT)
    (digest,) = flush_and_deliver(MORNING)
    assert digest.status == "sent"
    assert digest.content.count(TITLES[language]) == 2
    assert not foreign(digest.content, language, ["desk"]), digest.content


@BOTH_WAYS
def test_a_digest_that_its_fallback_tells_is_in_the_fallbacks_language(
    email_channel: NotificationChannel,
    email_config: dict[str, Any],
    smtp: SmtpFake,
    settings: Any,
    installation: str,
    language: str,
) -> None:
    settings.LANGUAGE_CODE = installation
    spare = channel_create(
        name="spare",
        type="email",
        config=email_config | {"language": language, "message_types": []},
        rate_limit_config=NO_LIMITS,
    )
    other = "en" if language == "zh-hans" else "zh-hans"
    reader(email_channel, other, speed={}, fallback=spare.id)
    for key in ("a", "b"):
        services.alert_raise(key=key, priority="P1", words=words, context={}, now=NOW)
    smtp.data_answer = "550 5.1.1 no such user"
    (digest,) = flush_and_deliver(later(NOW, 120))
    smtp.data_answer = ""
    assert digest.status == "failed"
    assert not foreign(digest.content, other, ["desk"]), digest.content
    told = [each for each in delivered(spare) if "digest_of" in each.metadata]
    assert [each.status for each in told] == ["sent"]
    assert not foreign(told[0].content, language, ["desk"]), told[0].content


@BOTH_WAYS
def test_a_system_message_is_in_the_channels_language_and_again_when_resent(
    email_channel: NotificationChannel, settings: Any, installation: str, language: str
) -> None:
    settings.LANGUAGE_CODE = installation
    reader(email_channel, language)
    messages_send([message_said("system", "P1", words, {"draft_id": 1})])
    (first,) = delivered(email_channel)
    assert first.metadata["title"] == TITLES[language]
    reader(email_channel, installation)
    notification_resend(first.id, "admin")
    assert delivered(email_channel)[1].metadata["title"] == TITLES[installation]


def test_a_channels_template_gets_the_words_of_its_language(
    email_channel: NotificationChannel,
) -> None:
    texts = {"title": "! {{ title }}", "body": "{{ words }}{{ body }}"}
    reader(email_channel, "zh-hans", templates={"alert": {"zh-hans": texts}})
    wrong()
    (told,) = delivered(email_channel)
    assert told.metadata["title"] == f"! {CHINESE}"
    assert not foreign(told.content, "zh-hans", ["desk"])


def test_an_alert_of_an_earlier_version_goes_on_in_the_words_it_has(
    email_channel: NotificationChannel,
) -> None:
    reader(email_channel, "zh-hans")
    Alert.objects.create(
        key="old", priority="P1", title="Old words", body="More", since=NOW
    )
    alerts_repeat(now=later(NOW, 60))
    services.alert_resolve(key="old", now=later(NOW, 120))
    rows = delivered(email_channel)
    assert [each.status for each in rows] == ["sent", "sent"]
    assert rows[0].content.startswith("Old words\n\nMore")
    assert rows[1].metadata["title"] == "已解除：Old words"


def test_a_row_of_an_earlier_version_is_told_as_it_is(
    email_channel: NotificationChannel,
) -> None:
    reader(email_channel, "zh-hans")
    wrong()
    for odd in (None, 7, {}, {"zh-hans": None}, {"zh-hans": {"title": " "}}):
        each = rows_of(email_channel)[0]
        with override("en"):
            context = each.metadata["context"] | {"words": odd}
        each.metadata = each.metadata | {"context": context, "title": "Old"}
        each.content = "Old\n\nMore"
        each.save()
        again = notification_resend(each.id, "admin")
        notification_deliver(notification_id=again.id)
        assert row(again.id).content == "Old\n\nMore"


def test_a_channel_that_cannot_send_says_so_in_both_languages() -> None:
    desk = channel("desk", config=AT_ONCE)
    channel("other", config=AT_ONCE)
    services.disabling.channel_disable(desk, "535", timezone.now())
    words_check(Alert.objects.get().context, "desk")


def test_what_others_ask_of_open_alerts_is_without_the_words() -> None:
    wrong()
    assert alerts_open(having="proxy_id") == {"k": {"proxy_id": 7}}


def test_an_alert_is_refused_that_has_no_title_in_one_language() -> None:
    def half() -> Words:
        return Words("" if _("signal") == "signal" else "x")

    with pytest.raises(ValueError, match="empty title"):
        services.alert_raise(key="k", priority="P1", words=half, context={}, now=NOW)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pages_show_the_readers_language(
    browser: Client, admin: Any, language: str
) -> None:
    admin.language = "en" if language == "en" else "zh-CN"
    admin.save()
    channel("desk", config=AT_ONCE | {"quiet_hours": {"from": "00:00", "to": "23:59"}})
    wrong(timezone.now() - timedelta(minutes=5))
    (held,) = Notification.objects.all()
    for address in (
        "/notifications/alerts/",
        "/notifications/",
        f"/notifications/{held.id}/",
        f"/notifications/preview/?notification={held.id}",
    ):
        text = browser.get(address).content.decode()
        assert TITLES[language] in text, address
        other = {"en": CHINESE, "zh-hans": ENGLISH}[language]
        assert other not in text, address
    facts = browser.get(f"/notifications/{held.id}/").context["context"]
    assert "words" not in dict(facts)


@pytest.mark.parametrize("wanted", [ENGLISH, CHINESE])
def test_the_history_finds_an_alert_by_its_words_in_any_language(
    browser: Client, email_channel: NotificationChannel, wanted: str
) -> None:
    reader(email_channel, "zh-hans")
    wrong(timezone.now())
    delivered(email_channel)
    answer = browser.get("/notifications/", {"q": wanted})
    assert [each.title for each in answer.context["rows"]] == [CHINESE]
    assert not browser.get("/notifications/", {"q": "nowhere"}).context["rows"]
