"""Addresses of releases and of what is done with them."""

from __future__ import annotations

from django.urls import path

from freqtrade_mgmt.views import operations, upgrading, versions

urlpatterns = [
    path("freqtrade/", versions.versions, name="versions"),
    path("freqtrade/table/", versions.table, name="versions_table"),
    path("freqtrade/refresh/", versions.refresh, name="versions_refresh"),
    path("freqtrade/upgrade/", upgrading.upgrade, name="upgrade"),
    path("freqtrade/operations/", operations.operations, name="operations"),
    path("freqtrade/operations/<int:number>/", operations.operation, name="operation"),
    path(
        "freqtrade/operations/<int:number>/live/",
        operations.live,
        name="operation_live",
    ),
    path(
        "freqtrade/operations/<int:number>/cancel/",
        operations.cancel,
        name="operation_cancel",
    ),
    path(
        "freqtrade/operations/<int:number>/roll-back/",
        operations.roll_back,
        name="operation_roll_back",
    ),
    path("freqtrade/<str:version>/install/", versions.install, name="install"),
    path("freqtrade/<str:version>/check/", versions.check, name="check"),
    path("freqtrade/<str:version>/uninstall/", versions.remove, name="uninstall"),
]
