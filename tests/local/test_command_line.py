"""``python -m btc_watcher.local``: help with examples, and exit codes for scripts."""

from __future__ import annotations

import re
import shlex

import pytest

from btc_watcher.local.__main__ import parser


def test_the_parser_takes_its_own_examples() -> None:
    lines = re.findall(
        r"^  python -m btc_watcher\.local (.+)$", parser().format_help(), re.M
    )
    assert len(lines) == 4
    actions = {parser().parse_args(shlex.split(line)).action for line in lines}
    assert actions == {"up", "servers", "clean"}


def test_the_exit_codes_are_told() -> None:
    told = parser().format_help()
    assert [f"\n  {code} " in told for code in (0, 1, 2, 130)] == [True] * 4


@pytest.mark.parametrize("words", [[], ["down"], ["servers"], ["up", "--fast"]])
def test_what_makes_no_sense_ends_with_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(words)
    assert ended.value.code == 2
