"""Addresses of the pages."""

from __future__ import annotations

from django.urls import path

from signals_app import views, views_filters, views_history, views_outcomes

app_name = "signals_app"
urlpatterns = [
    path("", views.live, name="live"),
    path("signals/", views_history.history, name="history"),
    path("signals/export/", views_history.export, name="export"),
    path("signals/filters/", views_filters.save, name="filter_save"),
    path("signals/filters/<int:number>/", views_filters.change, name="filter_change"),
    path("signals/newest/", views.newest, name="newest"),
    path(
        "strategies/<int:strategy_id>/signals/",
        views.of_strategy,
        name="of_strategy",
    ),
    path("signals/<uuid:identifier>/", views.detail, name="detail"),
    path("signals/<uuid:identifier>/choice/", views_outcomes.choose, name="choose"),
    path("outcomes/", views_outcomes.rates, name="outcomes"),
    path("outcomes/signals/", views_outcomes.journal, name="journal"),
    path("outcomes/newest/", views_outcomes.newest, name="outcomes_newest"),
]
