"""People, strategies and posts for the tests of the editor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Permission

from accounts.models import User
from freqtrade_mgmt.forms.values import form_data
from freqtrade_mgmt.views.draft_saving import token_of
from strategies.models import Strategy
from strategies.services import strategy_create

if TYPE_CHECKING:
    from django.http import QueryDict
    from django.test import Client

CODE = '''"""Buys dips."""

from freqtrade.strategy import IStrategy


class DipBuyer(IStrategy):
    timeframe = "15m"

    def populate_indicators(self, dataframe, metadata):
        dataframe["rsi"] = 50
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["rsi"] < 30, ["enter_long", "enter_tag"]] = (1, "dip")
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe
'''

OTHER_CODE = CODE.replace("< 30", "< 25")


def trader(name: str, *permissions: str) -> User:
    """Make a person who reads English; without names of permissions they have both."""
    user = User.objects.create_user(name, "x", language="en", timezone="UTC")
    for codename in permissions or ("change_strategy", "upload_code"):
        user.user_permissions.add(Permission.objects.get(codename=codename))
    return user


def running(name: str = "Dips", code: str = CODE, **config: Any) -> Strategy:
    """Make a published strategy of this code."""
    return strategy_create(
        name=name,
        config={
            "class_name": "DipBuyer",
            "code": code,
            "exchange": "binance",
            "pairs": ["BTC/USDT", "ETH/USDT"],
            "timeframe": "15m",
            **config,
        },
    )


def template_draft(client: Client, template: str = "ma_cross") -> Strategy:
    """Begin a draft with a template, through the page."""
    post = {"begin": "template", "template": template}
    return draft_of(client.post("/strategies/new/", post)["Location"])


def draft_of(address: str) -> Strategy:
    """Return the draft whose editor has this address."""
    return Strategy.objects.get(pk=int(address.rstrip("/").rpartition("/")[2]))


def address(draft: Strategy) -> str:
    """Return the address of a draft's editor."""
    return f"/strategies/drafts/{draft.pk}/"


def posted(draft: Strategy, **changes: Any) -> QueryDict:
    """Return what the page of a draft posts, with ``changes``; None leaves one out."""
    draft = Strategy.objects.get(pk=draft.pk)
    data = form_data(draft)
    data["token"] = token_of(draft)
    for name, value in changes.items():
        if value is None:
            data.pop(name, None)
        elif isinstance(value, list):
            data.setlist(name, value)
        else:
            data[name] = value
    return data


def edit(browser: Client, strategy: Strategy) -> Strategy:
    """Open an edit of a strategy and return its draft."""
    return draft_of(browser.get(f"/strategies/{strategy.pk}/edit/")["Location"])


def send(browser: Client, draft: Strategy, **changes: Any) -> Any:
    """Press a button of the editor."""
    return browser.post(address(draft), posted(draft, **changes))


def autosave(browser: Client, draft: Strategy, **changes: Any) -> Any:
    """Save as the page does by itself."""
    data = posted(draft, **changes)
    return browser.post(address(draft), data, headers={"X-Autosave": "1"})


def state_page(draft: Strategy) -> str:
    return f"{address(draft)}state/"
