"""Addresses: each app brings its own."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from accounts.permissions import reads
from btc_watcher.lib.api.schema import SchemaView, try_page
from btc_watcher.lib.documentation import documentation

urlpatterns = [
    path("", include("signals_app.urls")),
    # The editor's addresses go first: /strategies/new/ is no strategy.
    path("", include("freqtrade_mgmt.urls")),
    path("", include("strategies.urls")),
    path("", include("accounts.urls")),
    path("", include("notifications.urls")),
    path("", include("proxies.urls")),
    path("", include("monitoring.urls")),
    path("api/v1/", include("signals_app.api_urls")),
    path("api/v1/", include("strategies.api_urls")),
    path("api/v1/", include("proxies.api_urls")),
    path("api/v1/", include("freqtrade_mgmt.api_urls")),
    path("api/v1/", include("accounts.api_urls")),
    path("api/v1/", include("notifications.api_urls")),
    path("api/v1/", include("monitoring.api_urls")),
    path("api/v1/schema/", SchemaView.as_view(), name="api-schema"),
    path("api/", reads(try_page), name="api-try"),
    path("docs/", reads(documentation), name="docs"),
    path("docs/<slug:name>/", reads(documentation), name="docs-page"),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
]

handler400 = "btc_watcher.lib.error_pages.bad_request"
handler403 = "btc_watcher.lib.error_pages.permission_denied"
handler404 = "btc_watcher.lib.error_pages.not_found"
handler500 = "btc_watcher.lib.error_pages.server_error"
