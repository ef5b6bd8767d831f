"""From measurements and verdicts to the checks of the report. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.soak.report import FAILED, OK, SKIPPED, Check, Growth, check
from tests.soak.slopes import HOUR, slope

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tests.soak.frames import Received
    from tests.soak.notices import Delivered, NoticeVerdict
    from tests.soak.oracle import Mark, Verdict
    from tests.soak.samples import Lives, Series

# A shorter watch says more of the warming up than of what stays.
JUDGED_SECONDS = 600.0
LASTING_FAMILY = 60
UNFINISHED, MOST_UNFINISHED = "unacked", 200
DEAD_TUPLES = 5_000
# A process is to be judged when it could be watched for somewhat more than is needed.
SURELY_JUDGED = 1.2 * JUDGED_SECONDS
MEASURED = ("MB", "files", "threads")
# What one fault may do to a page, and what a slow machine may do once.
SPARE, CONNECTIONS_A_FAULT, LISTS_A_FAULT = 1, 2, 3
MOST = 0.9
# Notices that are on their way when a worker or a receiver goes.
NOTICES_A_FAULT = 16


class Limit(NamedTuple):
    """How much a quantity may grow: an hour, and in each life once, while settling in."""

    unit: str
    per_hour: float
    settling: float

    def over(self, seconds: float, lives: int = 1) -> float:
        """Return the growth an hour that is allowed to lives of so many seconds in all."""
        return self.per_hour + self.settling * HOUR * lives / seconds


MEMORY = Limit("MB", 12.0, 8.0)
BOT_MEMORY = Limit("MB", 20.0, 30.0)
# PostgreSQL's many processes warm up their caches one by one.
FAMILY_MEMORY = Limit("MB", 20.0, 60.0)
# PostgreSQL's processes keep files open that they may need again, each up to a thousand.
FAMILY_DESCRIPTORS = Limit("files", 500.0, 8_000.0)
DESCRIPTORS = Limit("files", 6.0, 12.0)
THREADS = Limit("threads", 2.0, 6.0)
DISKS = Limit("MB on disk", 250.0, 120.0)
KEYS = Limit("Redis keys", 12.0, 20.0)


def growths(series: Series, warm_up: float) -> list[Growth]:
    """Return how everything grew that was measured often enough."""
    found = [
        _growth(name, lives, _memory_limit(name), warm_up)
        for name, lives in series.memory.items()
    ]
    found += [
        _growth(name, lives, _files_limit(name), warm_up)
        for name, lives in series.descriptors.items()
    ]
    for quantity, limit in (
        (series.threads, THREADS),
        (series.disks, DISKS),
        (series.keys, KEYS),
    ):
        found += [_growth(n, lives, limit, warm_up) for n, lives in quantity.items()]
    return [each for each in found if each is not None]


def _memory_limit(name: str) -> Limit:
    if name == "postgres":
        return FAMILY_MEMORY
    return BOT_MEMORY if name.startswith(("bot ", "shared ")) else MEMORY


def _files_limit(name: str) -> Limit:
    return FAMILY_DESCRIPTORS if name == "postgres" else DESCRIPTORS


def _growth(name: str, lives: Lives, limit: Limit, warm_up: float) -> Growth | None:
    found = slope(lives, warm_up)
    if found is None:
        return None
    most = limit.over(found.seconds, found.lives)
    result = FAILED if found.surely > most else OK
    return Growth(
        name=name,
        unit=limit.unit,
        last=found.last,
        highest=found.highest,
        per_hour=found.per_hour,
        error=found.error,
        limit=most,
        minutes=found.seconds / 60,
        result=result if found.seconds >= JUDGED_SECONDS else SKIPPED,
    )


def growth_check(
    growth: Sequence[Growth],
    watchable: Mapping[str, float] | None = None,
    measured: Collection[str] = (),
) -> Check:
    """Return the check that nothing grows faster than it may, and that all was judged.

    ``watchable`` maps the processes that there must be to the seconds for which faults
    let them be watched, ``measured`` names those that were looked at. A name stands for
    all that begin with its words.
    """
    wanted = watchable or {}
    judged = [each for each in growth if each.result != SKIPPED]
    unjudged = [
        f"{name} was never measured"
        for name in wanted
        if not any(_is_named(each, name) for each in measured)
    ]
    unjudged += [
        f"{name}: its {unit} were not judged, in {seconds / 60:.0f} minutes"
        for name, seconds in wanted.items()
        if seconds >= SURELY_JUDGED
        for unit in MEASURED
        if not any(g.unit == unit and _is_named(g.name, name) for g in judged)
    ]
    if not judged and not unjudged:
        words = f"nothing was watched for {JUDGED_SECONDS / 60:.0f} minutes after warming up"
        return Check("growth", SKIPPED, words)
    wrong = unjudged + [
        f"{g.name}: {g.per_hour:+.1f} {g.unit} an hour, at most {g.limit:.1f} are allowed"
        for g in judged
        if g.result == FAILED
    ]
    words = f"{len(judged)} quantities were judged, {len(growth) - len(judged)} not"
    return check("growth", words, wrong)


def _is_named(name: str, wanted: str) -> bool:
    return name == wanted or name.startswith(f"{wanted} ")


def marks_check(verdict: Verdict) -> Check:
    """Return the check that every mark is stored once, as it had to be, and no other."""
    words = (
        f"{verdict.wanted} had to be stored; {len(verdict.missing)} are missing,"
        f" {len(verdict.doubled)} are there twice, {len(verdict.invented)} should not be,"
        f" {len(verdict.mispriced)} have another price,"
        f" {len(verdict.misgraded)} another type, strength, level or priority"
    )
    details = [
        *_each("missing", verdict.missing),
        *_each("twice", verdict.doubled),
        *_each("no such mark", verdict.invented),
        *_each("another price", verdict.mispriced),
        *verdict.misgraded,
    ]
    if not verdict.wanted:
        details.append("No mark had to be stored: nothing was proved.")
    return check("marks", words, details)


def _each(word: str, marks: Iterable[Mark]) -> list[str]:
    return [f"{word}: {mark.told()}" for mark in marks]


def browser_check(
    received: Received,
    stored: Collection[str],
    faults: int = 0,
    calm: Collection[str] = (),
) -> Check:
    """Return the check that a browser got each frame once and missed no signal.

    ``faults`` is how many touched what stands behind the page, ``calm`` what was stored
    while none of them was on: that comes as frames, and not by reading the list again.
    """
    problems = [f"came again: {cursor}" for cursor in received.repeated]
    problems += [f"never shown: {one}" for one in sorted(received.missing(stored))]
    if received.backwards:
        problems.append(f"{received.backwards} frames went back in the stream")
    if not received.framed:
        problems.append("no signal came as a frame")
    framed = len(received.framed & set(calm))
    if framed < MOST * len(calm):
        problems.append(f"of {len(calm)} stored in calm only {framed} came as frames")
    if received.uncompressed:
        problems.append(f"{received.uncompressed} connections were not compressed")
    for word, count, each in (
        ("connections", received.connections, CONNECTIONS_A_FAULT),
        ("lists", received.reloads, LISTS_A_FAULT),
        ("reloads", received.kinds["reload"], LISTS_A_FAULT),
    ):
        most = 1 + SPARE + faults * each
        if count > most:
            problems.append(f"{count} {word}, at most {most} by {faults} faults")
    words = (
        f"{len(received.framed)} signals in frames ({framed} of {len(calm)} of calm times),"
        f" {'compressed, ' if received.deflates else ''}{received.reloads} lists,"
        f" {received.connections} connections, {sum(received.cursors.values())} events"
    )
    return check(received.name, words, problems)


def notices_check(
    verdict: NoticeVerdict, faults: int = 0, late: Sequence[str] = ()
) -> Check:
    """Return the check that every notice came once, or that its state tells why not.

    ``faults`` is how many touched the delivery, ``late`` what came too late to be told
    although nothing was wrong.
    """
    problems = [
        *(f"late without a cause: {each}" for each in late),
        *_short_of(verdict.channels, faults),
        *(f"not written: {each}" for each in verdict.absent),
        *(f"written more than once: {each}" for each in verdict.doubled),
        *(f"no word about it: {each}" for each in verdict.untold),
        *(f"not delivered: {each}" for each in verdict.undelivered),
        *(f"delivered again: {each}" for each in verdict.repeated),
        *(f"not known: {each}" for each in verdict.strangers),
    ]
    states = ", ".join(f"{n} {name}" for name, n in sorted(verdict.states.items()))
    if not verdict.states:
        problems.append("there was no notice at all")
    if not any(each.wanted for each in verdict.channels.values()):
        problems.append("no signal had to be told on any channel: nothing was proved")
    return check("notices", states or "none", problems)


def _short_of(channels: Mapping[int, Delivered], faults: int) -> list[str]:
    most = faults * NOTICES_A_FAULT
    problems = []
    for number, each in channels.items():
        if each.told < MOST * each.wanted:
            problems.append(
                f"channel {number} told {each.told} of {each.wanted} signals"
            )
        if each.failed + each.open > most:
            problems.append(
                f"channel {number}: {each.failed} failed and {each.open} are open, at"
                f" most {most} by {faults} faults"
            )
    return problems


def keys_check(families: Mapping[str, int], queues: Mapping[str, int]) -> Check:
    """Return the check that lasting keys are few of a kind, and that queues are empty."""
    problems = [
        f"{count} keys like {name} never expire"
        for name, count in families.items()
        if count > LASTING_FAMILY
    ]
    left = dict(queues)
    # Tasks of killed workers stay there for an hour; their work was done by others.
    unfinished = left.pop(UNFINISHED, 0)
    if unfinished > MOST_UNFINISHED:
        problems.append(f"{unfinished} tasks were taken and never finished")
    problems += [f"{length} are left in {name}" for name, length in left.items()]
    words = (
        f"{sum(families.values())} keys never expire, of {len(families)} kinds;"
        f" {unfinished} tasks died with their workers"
    )
    return check("Redis", words, problems)


def dead_check(tables: Sequence[tuple[str, int, int]]) -> Check:
    """Return the check that PostgreSQL keeps up with dead rows; (table, dead, living)."""
    problems = [
        f"{table} has {dead} dead rows beside {living}"
        for table, dead, living in tables
        if dead > DEAD_TUPLES + living
    ]
    worst = ", ".join(f"{table} {dead}" for table, dead, _living in tables[:3])
    return check("dead rows", worst or "none", problems)
