from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from accounts.signup import signup_is_open
from accounts.views import entering

urlpatterns = [
    path("signup/", entering.signup, name="signup"),
    path(
        "login/",
        LoginView.as_view(
            template_name="accounts/login.html",
            redirect_authenticated_user=True,
            extra_context={"signup_is_open": signup_is_open},
        ),
        name="login",
    ),
    path("logout/", LogoutView.as_view(), name="logout"),
]
