"""How static files are stored: under names that change with what is in them."""

from __future__ import annotations

# The package has no types.
from servestatic.storage import (  # type: ignore[import-untyped]
    CompressedManifestStaticFilesStorage,
)


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Modules import each other by those names too.

    Otherwise a browser would fetch a module under its plain name besides, and might go on
    with the old one after an upgrade.
    """

    support_js_module_import_aggregation = True
