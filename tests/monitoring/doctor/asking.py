"""Asks the doctor as a program does."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

from django.core.management import CommandError, call_command
from django.db import connection


def doctor(*names: str) -> tuple[dict[str, dict[str, Any]], bool]:
    """Run it; return what each check found by its name, and whether it ended with 0."""
    out, fine = StringIO(), True
    try:
        call_command("doctor", *names, "--json", stdout=out)
    except CommandError:
        fine = False
    report = json.loads(out.getvalue())
    assert report["healthy"] is fine
    return {each["check"]: each for each in report["checks"]}, fine


def state(name: str) -> str:
    return str(doctor(name)[0][name]["state"])


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
