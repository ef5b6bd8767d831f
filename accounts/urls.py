"""Pages of the app."""

from __future__ import annotations

from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    path("login/", views.LoginView.as_view(), name="login"),
    path("logout/", views.Logout.as_view(), name="logout"),
    path("language/", views.language, name="language"),
    path("profile/", views.profile, name="profile"),
    path("profile/preferences/", views.preferences, name="preferences"),
    path("profile/password/", views.password, name="password"),
    path("profile/tokens/", views.tokens, name="tokens"),
    path(
        "profile/sessions/<uuid:session_id>/revoke/",
        views.session_revoke,
        name="session_revoke",
    ),
    # Comes before the admin's own address of the same name.
    path("admin/login/", views.admin_login, name="admin_login"),
]
