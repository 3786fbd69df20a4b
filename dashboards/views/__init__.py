"""What the page is told: one JSON-able document per view, words and numbers ready to show."""

from dashboards.views.choosing import Filters
from dashboards.views.findings import findings
from dashboards.views.habits import Habits
from dashboards.views.meta import meta
from dashboards.views.overview import overview
from dashboards.views.panels import Question, dashboard_view
from dashboards.views.spans import Compare
from dashboards.views.standing import standing

__all__ = ["Compare", "Filters", "Habits", "Question", "dashboard_view", "findings", "meta", "overview", "standing"]
