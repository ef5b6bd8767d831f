"""What many strategies hang on: the supervisor, a proxy, an exchange. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from freqtrade_mgmt.health.logs import EXCHANGE_SIGN
from freqtrade_mgmt.health.shapes import START_SECONDS, Answer, Life, staleness

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from freqtrade_mgmt.health.shapes import Facts, Subject

SUPERVISOR: Final = "supervisor"
LEAST: Final = 2


@dataclass(frozen=True, slots=True)
class Behind:
    """A strategy as its groups see it.

    ``groups`` maps the codes of what it hangs on to their names. ``sick`` is whether
    it looks like an outage, None when that cannot be told; ``ailing`` is the same with
    less proof, for an outage that is known already. ``sign`` tells that its log speaks
    of the exchange; ``newest_s`` is the age of its newest candle. ``out`` are those of
    the groups that are known to be out by other proof, and told by others.
    """

    groups: Mapping[str, str]
    sick: bool | None = False
    ailing: bool = False
    sign: bool = False
    newest_s: float | None = None
    out: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something is out, None when that cannot be told; values for the words."""

    out: bool | None
    values: Mapping[str, Any] = field(default_factory=dict)
    share: float = 0.0
    sick: frozenset[int] = frozenset()


def group_code(kind: str, key: str) -> str:
    """Return the code of a group's alarm, such as exchange:binance."""
    return f"{kind}:{key}"


def behind(subject: Subject, facts: Facts) -> Behind:
    """Return what a strategy tells about what it hangs on."""
    groups = {SUPERVISOR: SUPERVISOR}
    out: frozenset[str] = frozenset()
    if subject.proxy:
        proxy = group_code("proxy", subject.proxy)
        groups[proxy] = subject.proxy_name
        out = frozenset({proxy}) if subject.proxy_out else out
    groups[group_code("exchange", subject.exchange)] = subject.exchange
    stale = staleness(facts)
    # One stale pair among many is that pair's own trouble.
    dry = 2 * len(stale.pairs) > len(facts.pairs)
    alive = facts.life is Life.ALIVE
    silent = facts.answer is Answer.SILENT and facts.uptime_s >= START_SECONDS
    sign = bool(
        facts.log.exchange_errors or EXCHANGE_SIGN.search(facts.reason.encode())
    )
    # A dead bot accuses the exchange only when it says so.
    sick = (dry or silent) if alive else sign
    ages = [age for age in facts.pairs.values() if age is not None]
    return Behind(
        groups=groups,
        sick=True if sick else (False if stale.known and alive else None),
        ailing=sick or dry or silent,
        sign=sign,
        newest_s=min(ages, default=None),
        out=out,
    )


def groups_judge(
    strategies: Sequence[Behind],
    raised: Collection[str],
    *,
    supervised: bool | None,
) -> dict[str, Verdict]:
    """Return a verdict for every group.

    ``raised`` are the groups whose outage is known already. While the supervisor is
    silent nobody collects candles, so their age accuses nobody else. What explains
    most goes first, and what it explains accuses nothing further.
    """
    codes = {code: name for one in strategies for code, name in one.groups.items()}
    verdicts: dict[str, Verdict] = {}
    if codes.pop(SUPERVISOR, None):
        everybody = {"count": len(strategies), "members": len(strategies)}
        out = None if supervised is None else not supervised
        verdicts[SUPERVISOR] = Verdict(out, everybody)
    if supervised is False:
        return verdicts | {code: Verdict(out=None) for code in codes}
    explained: set[int] = set()
    for code in sorted(known_out(strategies) & codes.keys()):
        name = codes.pop(code)
        members = frozenset(
            number for number, one in enumerate(strategies) if code in one.groups
        )
        values = {"name": name, "count": len(members), "members": len(members)}
        verdicts[code] = Verdict(out=True, values=values, share=1.0, sick=members)
        explained |= members
    while codes:
        found = {
            code: _judge(code, name, strategies, code in raised, explained)
            for code, name in codes.items()
        }
        best = max(found, key=lambda code: _weight(code, found[code], raised))
        if not found[best].out:
            return verdicts | found
        verdicts[best] = found[best]
        explained |= found[best].sick
        del codes[best]
    return verdicts


def known_out(strategies: Sequence[Behind]) -> frozenset[str]:
    """Return the groups that are known to be out by other proof than their strategies."""
    return frozenset().union(*(one.out for one in strategies))


def _weight(code: str, verdict: Verdict, raised: Collection[str]) -> tuple[Any, ...]:
    return (
        verdict.out is True,
        code in raised,
        verdict.share,
        len(verdict.sick),
        # A proxy that everything goes through: it is nearer to us than the exchange.
        code.startswith("proxy:"),
        code,
    )


def _judge(
    code: str,
    name: str,
    strategies: Sequence[Behind],
    is_raised: bool,  # noqa: FBT001 - private, and named at its only call
    explained: Collection[int],
) -> Verdict:
    members = [
        (number, one) for number, one in enumerate(strategies) if code in one.groups
    ]
    sick = frozenset(
        number
        for number, one in members
        if number not in explained and (one.sick or (is_raised and one.ailing))
    )
    last_sign = min(
        (age for n, one in members if n in sick and (age := one.newest_s) is not None),
        default=None,
    )
    well = sum(
        number not in sick and number not in explained and _proves(one, last_sign)
        for number, one in members
    )
    values = {"name": name, "count": len(sick), "members": len(members)}
    if not sick:
        # Those who cannot tell leave an outage that is known as it is.
        return Verdict(False if well or not is_raised else None, values)
    share = len(sick) / (len(sick) + well)
    signed = all(one.sign for number, one in members if number in sick)
    out = share > 0.5 and (len(sick) >= LEAST or signed or is_raised)
    return Verdict(out, values, share, sick)


def _proves(one: Behind, last_sign: float | None) -> bool:
    """Tell whether a strategy proves that candles arrive: newer ones than the sick have.

    One with long candles has none to miss yet.
    """
    if one.sick is not False:
        return False
    return last_sign is None or (one.newest_s is not None and one.newest_s < last_sign)
