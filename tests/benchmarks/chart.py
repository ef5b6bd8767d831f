"""The chart page with 1,000 candles and 500 marks; the live log's lines a second.

Interactive means: candles and marks are drawn and Chromium's main thread is idle. The
time counts from the first byte of the page's answer (Chromium's own trace of the load).
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import orjson
import psycopg
import websockets
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import sync_playwright

from btc_watcher.env import env
from signals_app.services import signals_record
from strategies.models import Strategy
from tests.benchmarks.latency import login
from tests.benchmarks.output import median, quick, report
from tests.e2e.system import WebServer
from tests.freqtrade_mgmt.candle_bot import CandleBot, running, walk
from tests.signals_app.factories import candidate

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAIR = "BTC/USDT"
CANDLES, MARKS, STRATEGIES = 1_000, 500, 5
TAIL_SECONDS = 10
# Playwright's own choice takes a profile of every function, which costs more than the
# page does.
TRACED = ("-*", "toplevel", "devtools.timeline", "blink.user_timing")
LINE = "2026-11-22 12:00:00,000 - freqtrade.worker - INFO - " + "x" * 60 + "\n"
# Resolves when the main thread was left alone for a moment: then it takes clicks.
INTERACTIVE = """
() => new Promise((resolve) => {
  const done = () => ["candles drawn", "signals drawn"].every(
    (name) => performance.getEntriesByName(name).length > 0);
  const look = () => {
    if (!done()) { requestAnimationFrame(look); return; }
    requestAnimationFrame(() => requestIdleCallback(() => {
      const [page] = performance.getEntriesByType("navigation");
      const mark = (name) => performance.getEntriesByName(name)[0].startTime;
      const box = document.getElementById("chart");
      resolve({
        answer: page.responseStart,
        candles: mark("candles drawn") - page.responseStart,
        marks: mark("signals drawn") - page.responseStart,
        interactive: performance.now() - page.responseStart,
        listed: document.getElementById("in-view").textContent,
        drawn: box.querySelectorAll("canvas").length,
      });
    }));
  };
  look();
})
"""


def make_chart(home: Path) -> CandleBot:
    """Store strategies and marks; return the bot that has the candles."""
    rows = walk(CANDLES, "5m")
    config = {"exchange": "simulated", "pairs": [PAIR], "timeframe": "5m"}
    strategies = [
        Strategy.objects.create(name=f"bench {n}", status="running", config=config)
        for n in range(STRATEGIES)
    ]
    marks = []
    # No candle after another: each begins a streak, so each is drawn.
    for number in range(MARKS):
        strategy = strategies[number % STRATEGIES]
        row = rows[number * 2]
        moment = datetime.fromtimestamp(row[0] / 1000, UTC) + timedelta(minutes=5)
        marks.append(
            candidate(
                strategy_id=strategy.pk,
                strategy_name=strategy.name,
                timeframe="5m",
                timestamp=moment,
                price=row[4],
                mark="exit_long" if number % 3 else "enter_long",
                signal_type="SELL" if number % 3 else "BUY",
            )
        )
    signals_record(marks)
    bot = CandleBot(strategies[0].pk)
    bot.candles[PAIR] = rows
    (home / "bots").mkdir(exist_ok=True)
    return bot


def open_once(browser: Browser, url: str, cookies: str, trace: Path) -> dict[str, Any]:
    """Load the page in a fresh profile and return its times in milliseconds."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    pairs = (pair.partition("=") for pair in cookies.split("; "))
    context.add_cookies([{"name": n, "value": v, "url": url} for n, _, v in pairs])
    page = context.new_page()
    browser.start_tracing(page=page, path=trace, categories=list(TRACED))
    page.goto(f"{url}/charts/", wait_until="commit")
    times: dict[str, Any] = page.evaluate(INTERACTIVE)
    browser.stop_tracing()
    times["longest_task"] = longest_task(trace)
    # All at once, to draw every mark.
    times["marks_loaded"] = page.evaluate(
        "async () => (await (await fetch('/charts/markers/?exchange=simulated"
        "&pair=BTC/USDT&since=0&until=' + Date.now())).json()).markers.length"
    )
    context.close()
    return times


def longest_task(trace: Path) -> float:
    """Return the longest task of a renderer's main thread, in milliseconds."""
    events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    mains = {
        (event["pid"], event["tid"])
        for event in events
        if event.get("name") == "thread_name"
        and event["args"].get("name") == "CrRendererMain"
    }
    tasks = [
        event.get("dur", 0) / 1000
        for event in events
        if event.get("ph") == "X" and (event["pid"], event["tid"]) in mains
    ]
    return max(tasks, default=0.0)


def measure_page(url: str, cookies: str, count: int, folder: Path) -> None:
    """Load the page several times and print the times of all."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        sys.exit("The figure chart needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        loads = [
            open_once(browser, url, cookies, folder / f"trace-{number}.json")
            for number in range(count)
        ]
        browser.close()
    report(
        "chart",
        loads=count,
        candles=CANDLES,
        marks=loads[0]["marks_loaded"],
        candles_drawn_p50_ms=median([load["candles"] for load in loads]),
        marks_drawn_p50_ms=median([load["marks"] for load in loads]),
        interactive_p50_ms=median([load["interactive"] for load in loads]),
        interactive_worst_ms=max(load["interactive"] for load in loads),
        longest_task_p50_ms=median([load["longest_task"] for load in loads]),
        goal="interactive at most 1000 ms after the answer",
    )


def busy_since(moment: datetime) -> int:
    """Return how many of the product's connections have run anything since then."""
    with psycopg.connect(env.str("DATABASE_URL"), autocommit=True) as asking:
        row = asking.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE query_start >= %s"
            " AND application_name = 'btc_watcher' AND pid <> pg_backend_pid()",
            (moment,),
        ).fetchone()
    return int(row[0]) if row else 0


async def tail(url: str, cookies: str, path: Path, strategy_id: int) -> dict[str, Any]:
    """Look on while a bot prints a megabyte a second; return what came."""
    address = f"{url.replace('http', 'ws', 1)}/ws/strategies/{strategy_id}/log/"
    written = shown = left = size = 0
    async with websockets.connect(
        address,
        additional_headers={"Cookie": cookies},
        origin=websockets.Origin(url),
        max_size=None,
    ) as socket:
        await socket.recv()
        began = time.monotonic()

        async def write() -> int:
            lines = 0
            with path.open("a", encoding="utf-8") as file:
                while time.monotonic() - began < TAIL_SECONDS:
                    file.write(LINE * 900)
                    file.flush()
                    lines += 900
                    await asyncio.sleep(0.1)
            return lines

        writing = asyncio.create_task(write())
        while not writing.done() or shown + left < written:
            text = await asyncio.wait_for(socket.recv(), 10)
            size += len(text)
            for _source, level, *_rest, words in orjson.loads(text)["event"]["lines"]:
                left += int(words) if level == "LEFT_OUT" else 0
                shown += level != "LEFT_OUT"
            written = writing.result() if writing.done() else written
    return {
        "written": written,
        "shown": shown,
        "left": left,
        "bytes": size,
        "mb": written * len(LINE) / 1e6,
    }


def measure_tail(url: str, cookies: str, home: Path, pid: int) -> None:
    """Print how many lines a second go through, and what they cost."""
    strategy = Strategy.objects.create(name="bench talker", config={})
    path = home / "bots" / str(strategy.pk) / "logs" / "freqtrade.log"
    path.parent.mkdir(parents=True)
    path.write_text("begin\n")
    before = cpu_seconds(pid)
    found = asyncio.run(tail(url, cookies, path, strategy.pk))
    report(
        "log_tail",
        seconds=TAIL_SECONDS,
        written_mb_per_second=found["mb"] / TAIL_SECONDS,
        lines_written=found["written"],
        lines_through_per_second=found["shown"] / TAIL_SECONDS,
        lines_left_out=found["left"],
        unaccounted=found["written"] - found["shown"] - found["left"],
        sent_kb_per_second=found["bytes"] / 1000 / TAIL_SECONDS,
        web_cpu_percent=(cpu_seconds(pid) - before) / TAIL_SECONDS * 100,
        database_queries=queries_while_tailing(url, cookies, path, strategy.pk),
        goal="no query but the login's, every 15 s; bounded rate",
    )


def queries_while_tailing(url: str, cookies: str, path: Path, strategy_id: int) -> int:
    """Return how many connections asked the database anything in ten seconds of log."""

    async def look_on() -> int:
        address = f"{url.replace('http', 'ws', 1)}/ws/strategies/{strategy_id}/log/"
        async with websockets.connect(
            address,
            additional_headers={"Cookie": cookies},
            origin=websockets.Origin(url),
            max_size=None,
        ) as socket:
            await socket.recv()
            # What the connection itself asked has ended by then.
            await asyncio.sleep(1)
            began = timezone.now()
            for _ in range(20):
                with path.open("a", encoding="utf-8") as file:
                    file.write(LINE)
                await socket.recv()
            return busy_since(began)

    return asyncio.run(look_on())


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    home = settings.BTCW_HOME
    bot = make_chart(home)
    with TemporaryDirectory() as name, running(bot):
        bot.write_folder(home)
        folder = Path(name)
        server = WebServer(dict(env.ENVIRON), folder / "web.log").start()
        try:
            cookies = login(server.url)
            measure_page(server.url, cookies, 3 if quick() else 9, folder)
            measure_tail(server.url, cookies, home, server.pid)
        finally:
            server.stop()
