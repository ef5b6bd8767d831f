"""Addresses of the pages that need freqtrade: editor, charts, logs."""

from __future__ import annotations

from freqtrade_mgmt import urls_charts, urls_editor

app_name = "freqtrade_mgmt"
urlpatterns = [*urls_editor.urlpatterns, *urls_charts.urlpatterns]
