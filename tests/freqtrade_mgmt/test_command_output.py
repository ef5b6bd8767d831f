"""How far an installation is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from typing import Any

from btc_watcher.lib.commands.progress import bar
from freqtrade_mgmt.management.terminal import Output

MEGABYTE = 1_000_000


class Speaker:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def tell(self, text: str) -> None:
        self.lines.append(text)

    def tell_json(self, value: object) -> None:
        self.lines.append(repr(value))


def told(*percents: int | None, **how: Any) -> list[str]:
    speaker = Speaker()
    with bar("", shown=False) as nothing:
        output = Output(speaker, nothing, **how)
        for percent in percents:
            size = {"bytes": (percent or 0) * MEGABYTE, "total": 100 * MEGABYTE}
            output.progress(size | {"percent": percent})
        output.line("done")
        output.json({"a": 1})
    return speaker.lines


def test_elsewhere_than_on_a_terminal_every_ten_per_cent_is_a_line() -> None:
    assert told(None, 3, 12, 15, 20, 95) == [
        "12 % (12 of about 100 MB)",
        "20 % (20 of about 100 MB)",
        "95 % (95 of about 100 MB)",
        "done",
        "{'a': 1}",
    ]


def test_nothing_but_the_answer_where_it_is_for_a_program() -> None:
    assert told(50, quiet=True) == ["{'a': 1}"]


def test_progress_alone_can_be_left_out() -> None:
    assert told(50, progress=False) == ["done", "{'a': 1}"]
