"""What ``python -m tests.soak`` is asked for."""

from __future__ import annotations

import argparse
import secrets

DESCRIPTION = """\
Run the whole system for some minutes while faults come at random, then compare what it
stored, showed and told with what had to be."""
BELOW = """\
exit codes:
  0    nothing failed
  1    something failed, or the system did not start; the report says what
  2    the command line makes no sense
  130  ended by Ctrl-C
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="python -m tests.soak",
        description=DESCRIPTION,
        epilog=BELOW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument(
        "--minutes",
        type=minutes,
        default=30.0,
        help="for how long faults come (default: 30); beginning and end come on top",
    )
    result.add_argument(
        "--seed",
        type=int,
        default=None,
        help="which faults and which prices; the report of a run names its own",
    )
    result.add_argument(
        "--browsers", type=int, default=4, help="how many follow (default: 4)"
    )
    result.add_argument(
        "--json", action="store_true", help="print the report as one JSON object"
    )
    result.add_argument(
        "--calm", action="store_true", help="no faults: whole lives, to see growth"
    )
    result.add_argument(
        "--keep", action="store_true", help="leave the folder with database and logs"
    )
    return result


def minutes(text: str) -> float:
    """Read a number of minutes above 0; argparse tells what is wrong."""
    number = float(text)
    if not 0 < number < 60 * 24 * 30:
        raise argparse.ArgumentTypeError(f"{text} is no number of minutes above 0")
    return number


def seed_of(given: int | None) -> int:
    """Return the seed that was asked for, or a new one that is easy to type."""
    return given if given is not None else secrets.randbelow(1_000_000)
