"""manage.py generate_key."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from btc_watcher.lib.encryption import KeyRing


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("generate_key", *arguments, stdout=output)
    return output.getvalue().strip()


def test_the_printed_key_can_be_used_as_it_is() -> None:
    ring = KeyRing.parse(f"{run('--id', 'new')},{run()}")
    assert ring.primary == "new"
    assert run() != run()


@pytest.mark.parametrize("key_id", ["a:b", "a,b"])
def test_an_id_that_would_break_the_setting_is_refused(key_id: str) -> None:
    with pytest.raises(CommandError, match=key_id):
        run("--id", key_id)
