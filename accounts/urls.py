"""Pages of the app."""

from __future__ import annotations

from django.urls import path

from accounts.views import audit, login, security, settings, tokens

app_name = "accounts"
urlpatterns = [
    path("login/", login.LoginView.as_view(), name="login"),
    path("login/code/", login.CodeView.as_view(), name="login_code"),
    path("logout/", login.Logout.as_view(), name="logout"),
    path("language/", login.language, name="language"),
    path("settings/", settings.settings, name="settings"),
    path("settings/theme/", settings.theme, name="theme"),
    path("settings/system/", settings.system, name="settings_system"),
    path("profile/", settings.profile, name="profile"),
    path("profile/preferences/", settings.preferences, name="preferences"),
    path("profile/security/", security.security, name="security"),
    path("profile/password/", security.password, name="password"),
    path("profile/tokens/", tokens.tokens, name="tokens"),
    path(
        "profile/sessions/<uuid:session_id>/revoke/",
        security.session_revoke,
        name="session_revoke",
    ),
    path(
        "profile/sessions/revoke-others/",
        security.sessions_revoke_others,
        name="sessions_revoke_others",
    ),
    path("profile/two-factor/begin/", security.factor_begin, name="factor_begin"),
    path("profile/two-factor/confirm/", security.factor_confirm, name="factor_confirm"),
    path("profile/two-factor/codes/", security.recovery_renew, name="recovery_renew"),
    path("profile/two-factor/end/", security.factor_end, name="factor_end"),
    path("audit/", audit.audit, name="audit"),
    # Come before the admin's own addresses of the same names.
    path("admin/login/", login.admin_login, name="admin_login"),
    path(
        "admin/password_change/",
        security.admin_password,
        name="admin_password_change",
    ),
]
