"""Strategies in the admin: looked at, started, stopped, and never written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.urls import reverse

from strategies.models import Strategy
from strategies.services import live_enable, strategy_start
from tests.strategies import factories

if TYPE_CHECKING:
    from django.test import Client

    from accounts.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
LIST = "admin:strategies_strategy_changelist"


@pytest.fixture
def browser(admin_client: Client) -> Client:
    admin_client.cookies["django_language"] = "en"
    return admin_client


def act(browser: Client, action: str, *chosen: Strategy) -> str:
    """Choose an action in the list, say yes and return the page that follows."""
    body = {"action": action, "_selected_action": [str(row.pk) for row in chosen]}
    yes = {"confirmed": "yes"}
    return browser.post(reverse(LIST), body | yes, follow=True).content.decode()


def page_of(strategy: Strategy) -> str:
    return reverse("admin:strategies_strategy_change", args=[strategy.pk])


def test_chosen_strategies_are_started_and_counted(browser: Client) -> None:
    one, two = factories.strategy("one"), factories.strategy("two")

    page = act(browser, "start", one, two)

    assert "2 strategies were asked." in page
    assert {row.status for row in Strategy.objects.all()} == {"starting"}


def test_a_refusal_is_told_beside_the_count(browser: Client) -> None:
    one, two = factories.strategy("one"), factories.strategy("two")
    strategy_start(one.pk)

    page = act(browser, "stop", one, two)

    assert "1 strategy was asked." in page
    assert "Strategy &#x27;two&#x27; is stopped already." in page


def test_chosen_strategies_are_restarted(browser: Client) -> None:
    one = factories.strategy("one")
    strategy_start(one.pk)
    act(browser, "restart", one)
    assert Strategy.objects.get().health_metrics["restarts"] == 1


def test_whoever_may_only_look_has_no_actions(client: Client) -> None:
    person = factories.person()
    person.is_staff = True
    person.save()
    person.user_permissions.add(Permission.objects.get(codename="view_strategy"))
    client.force_login(person)
    one = factories.strategy("one")

    act(client, "start", one)

    assert Strategy.objects.get().status == "stopped"
    assert client.get(page_of(one)).status_code == 200


def test_secrets_are_marks_and_what_was_done_is_in_the_history(
    browser: Client, admin_user: User
) -> None:
    made = factories.strategy(
        "trader", type="trade_execution", config={"exchange": "binance"}
    )
    live_enable(
        made.pk,
        by=admin_user,
        typed_name="trader",
        api_key="kept-key",
        api_secret="kept-secret",
    )
    tokens = Strategy.objects.get().freqtrade_config["live"]

    page = browser.get(page_of(made)).content.decode()

    assert "&quot;key&quot;: &quot;set&quot;" in page
    for secret in ("kept-key", "kept-secret", tokens["key"], tokens["secret"]):
        assert secret not in page
    history = browser.get(
        reverse("admin:strategies_strategy_history", args=[made.pk])
    ).content.decode()
    assert "Trading for real was turned on for binance." in history


def test_nothing_is_written_by_the_page(browser: Client) -> None:
    made = factories.strategy("one")
    page = browser.get(page_of(made)).content.decode()
    assert 'name="_save"' not in page

    before = Strategy.objects.values().get()
    browser.post(page_of(made), {"name": "other", "_save": "Save"})

    assert Strategy.objects.values().get() == before
    assert LogEntry.objects.count() <= 1


def test_versions_and_processes_are_one_click_away(browser: Client) -> None:
    made = factories.strategy("one")
    factories.strategy("two")
    page = browser.get(page_of(made)).content.decode()
    for model in ("strategyversion", "strategyprocess"):
        address = reverse(f"admin:strategies_{model}_changelist")
        link = f"{address}?strategy_id={made.pk}"
        assert f'href="{link}"' in page
        assert browser.get(link).status_code == 200
    versions = reverse("admin:strategies_strategyversion_changelist")
    shown = browser.get(f"{versions}?strategy_id={made.pk}").content.decode()
    assert shown.count('class="field-version') == 1
