"""Looks at a page as axe-core does, the checker of accessibility that browsers carry."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playwright.sync_api import Page

RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice")
FAILING: Final = frozenset({"serious", "critical"})
# The rows of a list are alike; those after the first few would only take time.
SPARED: Final = ("tbody > tr:nth-child(n+6)", "#changelist-filter li:nth-child(n+4)")
# Drawn by a library long after the page; its own test waits for it.
DRAWN_LATE: Final = (".swagger-ui",)
# Colours are looked at when they have changed: the admin's fade into each other.
RUN: Final = """
async ([rules, spared]) => {
  const moving = Promise.allSettled(document.getAnimations().map(each => each.finished));
  await Promise.race([moving, new Promise(done => setTimeout(done, 500))]);
  const options = {runOnly: rules, resultTypes: ["violations"], preload: false};
  const found = await axe.run({exclude: spared.map(each => [each])}, options);
  return found.violations.map(each => ({
    id: each.id, impact: each.impact,
    nodes: each.nodes.slice(0, 4)
      .map(node => [node.target.join(" "), node.failureSummary]),
  }));
}
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one element of one page."""

    page: str
    rule: str
    impact: str
    element: str
    words: str

    @property
    def fails(self) -> bool:
        """Whether a test must not let it pass."""
        return self.impact in FAILING


@cache
def _source() -> str:
    package = resources.files("axe_playwright_python")
    return (package / "axe.min.js").read_text(encoding="utf-8")


def look(
    page: Page,
    where: str,
    rules: Sequence[str] = (),
    *,
    tags: Sequence[str] = RULES,
    spared: Sequence[str] = (*SPARED, *DRAWN_LATE),
) -> Iterator[Finding]:
    """Give what axe-core finds on the page that is open; ``where`` is its name in it.

    Only ``rules``, or all with one of ``tags``, and not in the elements ``spared``. The page's own policy of scripts stays:
    the browser's debugging protocol, which brings the source, does not obey it.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(_source())
    wanted: dict[str, Any] = {"type": "tag", "values": list(tags)}
    if rules:
        wanted = {"type": "rule", "values": list(rules)}
    for found in page.evaluate(RUN, [wanted, list(spared)]):
        for element, words in found["nodes"]:
            yield Finding(
                where, found["id"], found["impact"] or "minor", element, words
            )
