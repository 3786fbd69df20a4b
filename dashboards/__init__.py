"""Panels declared once, shown in Grafana and on the built-in page."""
