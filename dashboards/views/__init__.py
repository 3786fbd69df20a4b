"""What the page is told: one JSON-able document per view, words and numbers ready to show."""

from dashboards.views.overview import overview

__all__ = ["overview"]
