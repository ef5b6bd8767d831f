"""Static files as they are served: collected, renamed, consistent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.core.management import call_command

if TYPE_CHECKING:
    from pathlib import Path

IMPORT = re.compile(r'from "([^"]+)"')


def test_modules_import_each_other_by_names_that_change_with_them(
    settings: Any, tmp_path: Path
) -> None:
    settings.STATIC_ROOT = tmp_path
    # As the product's settings have it; those of the tests take files from the apps.
    served = {"BACKEND": "btc_watcher.lib.static_files.StaticFiles"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": served}
    call_command("collectstatic", verbosity=0, interactive=False)

    for name in ("freqtrade_mgmt/chart", "signals_app/live"):
        (module,) = tmp_path.glob(f"{name}.????????????.js")
        imported = IMPORT.findall(module.read_text(encoding="utf-8"))
        assert imported
        for other in imported:
            assert re.search(r"\.[0-9a-f]{12}\.js$", other), other
            assert (module.parent / other).is_file(), other
