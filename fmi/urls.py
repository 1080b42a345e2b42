"""Every address of the product."""

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from fmi.api import order_views
from fmi.api_schema import Schema
from fmi.problem_pages import list_problems, show_problem
from fmi.telemetry.exposition import metrics
from fmi.telemetry.readiness import health, ready
from reference.pages.login import Login

urlpatterns: list[URLPattern | URLResolver] = [
    path("health", health, name="health"),
    path("ready", ready, name="ready"),
    path("metrics", metrics, name="metrics"),
    # For the pages that are not ours and name no icon: the admin, the browsable API.
    path("favicon.ico", login_not_required(RedirectView.as_view(url="/static/img/fmi.svg")), name="favicon"),
    path("problems/", list_problems, name="problems"),
    path("problems/<slug:code>", show_problem, name="problem"),
    path("login/", Login.as_view(), name="login"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("api/schema", Schema.as_view(), name="api-schema"),
    path("api/v1/", include("fmi.api.urls")),
    # The older address of /api/v1/orders.
    path("order/", order_views.OlderOrderList.as_view(), name="older-orders"),
    path("order/<uuid:public_id>", order_views.OlderOrderDetail.as_view(), name="older-order"),
    path("", include("fmi.page_urls")),
    path("api/docs", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
]

handler400 = "fmi.problems.bad_request"
handler403 = "fmi.problems.permission_denied"
handler404 = "fmi.problems.page_not_found"
handler500 = "fmi.problems.server_error"
