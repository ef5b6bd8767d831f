"""Addresses of the pages."""

from __future__ import annotations

from django.urls import path

from proxies.views import detail, editing, listing, testing

app_name = "proxies"
urlpatterns = [
    path("proxies/", listing.listing, name="list"),
    path("proxies/new/", editing.new, name="new"),
    path("proxies/try/", editing.attempt, name="try"),
    path("proxies/test/", testing.test_all, name="test_all"),
    path("proxies/<int:number>/", detail.detail, name="detail"),
    path("proxies/<int:number>/edit/", editing.edit, name="edit"),
    path("proxies/<int:number>/test/", testing.test, name="test"),
    path("proxies/<int:number>/live/", testing.live, name="live"),
    path("proxies/<int:number>/switch/", detail.switch, name="switch"),
    path("proxies/<int:number>/delete/", detail.delete, name="delete"),
]
