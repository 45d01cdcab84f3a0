from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts.views import entering

urlpatterns = [
    path("signup/", entering.signup, name="signup"),
    path("login/", entering.LogIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
]
