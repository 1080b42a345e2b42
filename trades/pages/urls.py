"""Addresses of the pages of orders, venues, market and what stands around them."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
