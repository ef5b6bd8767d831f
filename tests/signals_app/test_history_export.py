"""Files of what the history finds: whole, in parts, harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from signals_app import selectors, views_history
from signals_app.history.export import COLUMNS, PART, harmless
from tests.signals_app.history import ago
from tests.signals_app.outcome_rows import judged, path, stored
from tests.test_access import a_person

if TYPE_CHECKING:
    from django.test import AsyncClient, Client
    from pytest_django import Settings

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
URL = "/signals/export/"
PRICE = 63_210.5
BOM = b"\xef\xbb\xbf"


def file_of(client: Client, **query: str) -> bytes:
    answer = client.get(URL, {"period": "24h", **query})
    assert answer.status_code == 200
    assert answer.streaming
    return answer.getvalue()


def rows_of(client: Client, **query: str) -> list[dict[str, str]]:
    text = file_of(client, **query).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_two_thousand_signals_come_whole_in_parts_of_bounded_size(
    browser: Client,
) -> None:
    for block in range(4):
        stored(*[ago(n % 7 + 1, pair=f"P{block}x{n}/USDT") for n in range(500)])

    answer = browser.get(URL, {"period": "24h", "format": "csv"})
    with CaptureQueriesContext(connection) as queries:
        parts = [bytes(part) for part in answer]

    rows = list(csv.DictReader(io.StringIO(b"".join(parts).decode())))
    assert len(rows) == len({row["id"] for row in rows}) == 2_000
    moments = [row["timestamp"] for row in rows]
    assert moments == sorted(moments, reverse=True)
    assert len(parts) == 1 + 2_000 // PART
    assert all(part.count(b"\r\n") <= PART for part in parts)
    # Signals, outcomes and decisions of each part.
    reads = [each for each in queries if each["sql"].startswith('SELECT "')]
    assert 0 < len(reads) <= 4 * (2_000 // PART + 1)


def test_a_line_of_json_holds_what_the_api_gives_and_the_outcome(
    browser: Client, user: User
) -> None:
    User.objects.filter(pk=user.pk).update(timezone="Asia/Shanghai")
    at = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=30)
    done, _open = stored({"timestamp": at}, ago(20, pair="ETH/USDT", tag="rsi:85"))
    judged([done], path(PRICE, -0.5))
    browser.post(f"/signals/{done}/choice/", {"choice": "taken", "note": "half"})

    lines = file_of(browser, format="jsonl").splitlines()

    fresh, old = (orjson.loads(line) for line in lines)
    assert fresh["metadata"]["tag"] == "rsi:85"
    assert fresh["choice"] is None
    assert old["timestamp"].endswith("+08:00")
    assert datetime.fromisoformat(old["timestamp"]) == at
    assert old["indicators"] == {"rsi": 71.5}
    assert old["outcome"]["horizons"]["4"]["move"] == pytest.approx(-0.5)
    assert (old["choice"]["choice"], old["choice"]["note"]) == ("taken", "half")
    api = browser.get(f"/api/v1/signals/{done}/").json()
    assert {**api, "timestamp": old["timestamp"]} == {
        **old,
        "notifications": api["notifications"],
    }


def test_csv_has_the_same_in_columns(browser: Client) -> None:
    done, _hold = stored(
        ago(30), ago(40, pair="ETH/USDT", signal_type="HOLD", mark="both")
    )
    judged([done], path(PRICE, -0.25))
    browser.post(f"/signals/{done}/choice/", {"choice": "skipped"})

    row, hold = rows_of(browser)

    assert tuple(row) == COLUMNS
    assert (row["pair"], row["signal_type"], row["price"]) == (
        "BTC/USDT",
        "BUY",
        "63210.5",
    )
    assert row["timestamp"].endswith("+00:00")
    assert row["move_1"] == "-0.25"
    assert (row["outcome"], row["choice"], row["streak"]) == (
        "complete",
        "skipped",
        "1",
    )
    assert orjson.loads(row["indicators"]) == {"rsi": 71.5}
    assert (hold["outcome"], hold["move_24"], hold["quiet"]) == ("", "", "hold")


def test_excel_gets_the_mark_of_utf8_and_others_do_not(browser: Client) -> None:
    stored(ago(strategy_name="均线"))
    assert file_of(browser, format="excel").startswith(BOM)
    assert not file_of(browser, format="csv").startswith(BOM)
    (row,) = rows_of(browser, format="excel")
    assert (row["id"] != "", row["strategy_name"]) == (True, "均线")


FORMULAS = ('=cmd|"/c calc"!A1', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\n=1", "＝1+1")  # noqa: RUF001


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_a_spreadsheet_would_run_is_made_harmless(
    browser: Client, text: str
) -> None:
    (identifier,) = stored(ago(strategy_name=text, tag=text))
    browser.post(f"/signals/{identifier}/choice/", {"choice": "taken", "note": text})

    for form in ("csv", "excel"):
        (row,) = rows_of(browser, format=form)
        assert row["strategy_name"] == f"'{text}"
        assert row["tag"] == f"'{text}"
        assert row["note"] == f"'{text.strip()}"
    # A program reads what is stored.
    (line,) = file_of(browser, format="jsonl").splitlines()
    assert orjson.loads(line)["strategy_name"] == text


def test_numbers_stay_numbers() -> None:
    assert harmless(-0.5) == "-0.5"
    assert harmless(1.2e-07) == "0.00000012"
    assert harmless(None) is None
    assert harmless(7) == 7
    assert (harmless(True), harmless([1, "=2"])) == ("true", '[1,"=2"]')


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_number_above_64_bits_does_not_cut_the_file(
    browser: Client, form: str
) -> None:
    stored(ago(indicators={"obv": 1e20, "rsi": 71.5}))
    text = file_of(browser, format=form).decode()
    assert "100000000000000000000" in text
    assert text.count("BTC/USDT") == 1
    assert harmless([10**20]) == "[100000000000000000000]"


def test_the_count_of_many_names_is_one_statement_a_part(browser: Client) -> None:
    stored(ago(strategy_name="n1"), ago(strategy_name="n2"), ago(strategy_name="x"))
    year = timezone.now() - timedelta(days=360)
    query = {"from": f"{year:%Y-%m-%d}", "to": f"{timezone.now():%Y-%m-%d}"}
    names = [f"n{n}" for n in range(20)]
    with CaptureQueriesContext(connection) as queries:
        answer = browser.get(URL, {**query, "strategy": names})
    counts = [each["sql"] for each in queries if "COUNT(" in each["sql"].upper()]
    assert 1 <= len(counts) <= 5
    assert len(answer.getvalue().splitlines()) == 3


def test_a_count_that_takes_too_long_as_a_whole_is_told_on_the_page(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(ago())
    count = selectors._count

    def slowly(*arguments: Any) -> int:
        # Each is quick enough by itself.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.6)")
        return count(*arguments)

    monkeypatch.setattr(selectors, "_count", slowly)
    monkeypatch.setattr(views_history, "PATIENCE", 1)
    year = timezone.now() - timedelta(days=360)
    query = {"from": f"{year:%Y-%m-%d}", "to": f"{timezone.now():%Y-%m-%d}"}
    answer = browser.get(URL, query)
    assert answer.status_code == 400
    assert "took too long" in answer.content.decode()


def test_a_filter_narrows_the_file_as_it_does_the_page(browser: Client) -> None:
    stored(ago(pair="A/USDT"), ago(pair="B/USDT"), ago(60 * 30, pair="A/EUR"))
    assert [row["pair"] for row in rows_of(browser, pair="a/usdt")] == ["A/USDT"]
    assert len(rows_of(browser, period="7d", pair="A/")) == 0
    assert len(rows_of(browser, period="7d", pair="A")) == 2
    assert rows_of(browser, pair="nothing") == []


def test_the_name_says_the_period_on_the_clocks_of_the_reader(
    browser: Client, user: User
) -> None:
    zone = ZoneInfo("Pacific/Kiritimati")
    User.objects.filter(pk=user.pk).update(timezone=zone.key)
    query = {"from": "2026-11-01", "to": "2026-11-20"}

    answer = browser.get(URL, query | {"format": "jsonl"})
    name = 'attachment; filename="signals_2026-11-01_2026-11-20.jsonl"'
    assert answer["Content-Disposition"] == name
    assert answer["Content-Type"] == "application/x-ndjson; charset=utf-8"
    today = f"{timezone.now().astimezone(zone):%Y-%m-%d}"
    named = browser.get(URL, {"period": "today"})["Content-Disposition"]
    assert f"signals_{today}_{today}.csv" in named


def test_a_file_that_lacks_older_signals_says_so_in_its_name(
    browser: Client, settings: Settings
) -> None:
    settings.HISTORY_EXPORT_ROWS = 3
    ids = stored(*[ago(n + 1, pair=f"P{n}/USDT") for n in range(4)])

    answer = browser.get(URL, {"period": "24h"})
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    assert [row["id"] for row in rows] == [str(each) for each in ids[:3]]
    assert "_newest.csv" in answer["Content-Disposition"]
    whole = browser.get(URL, {"period": "24h", "pair": "P1"})
    assert "_newest" not in whole["Content-Disposition"]


@pytest.mark.parametrize(
    ("query", "words"),
    [({"format": "xls"}, "use csv, excel, jsonl"), ({"level": "x"}, "Level")],
)
def test_what_makes_no_sense_is_told_on_the_page(
    browser: Client, query: dict[str, str], words: str
) -> None:
    answer = browser.get(URL, query)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert 'href="/signals/?' in answer.content.decode()


def test_decisions_of_others_are_not_in_the_file(browser: Client) -> None:
    (identifier,) = stored(ago())
    other = a_person(Role.VIEWER, "other")
    browser.post(f"/signals/{identifier}/choice/", {"choice": "taken", "note": "mine"})
    browser.force_login(other)
    (row,) = rows_of(browser)
    assert (row["choice"], row["note"]) == ("", "")


@pytest.mark.django_db(transaction=True)
async def test_through_asgi_parts_are_sent_one_by_one(
    async_client: AsyncClient,
) -> None:
    from asgiref.sync import sync_to_async  # noqa: PLC0415

    user = await sync_to_async(a_person)(Role.VIEWER, "trader")
    await sync_to_async(stored)(
        *[ago(n % 5 + 1, pair=f"P{n}/USDT") for n in range(PART + 1)]
    )
    await async_client.aforce_login(user)

    answer = await async_client.get(URL, {"period": "24h", "format": "jsonl"})
    assert answer.is_async  # type: ignore[attr-defined]
    parts = [part async for part in answer]  # type: ignore[attr-defined]

    assert [part.count(b"\n") for part in parts] == [0, PART, 1]
    newest = orjson.loads(parts[1].splitlines()[0])["timestamp"]
    assert datetime.fromisoformat(newest) > timezone.now().astimezone(UTC) - timedelta(
        minutes=2
    )
