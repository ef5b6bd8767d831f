"""Addresses of the pages that need freqtrade: editor, charts, logs, releases."""

from __future__ import annotations

from freqtrade_mgmt import urls_charts, urls_editor, urls_versions

app_name = "freqtrade_mgmt"
urlpatterns = [
    *urls_editor.urlpatterns,
    *urls_charts.urlpatterns,
    *urls_versions.urlpatterns,
]
