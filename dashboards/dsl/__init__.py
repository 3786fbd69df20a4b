"""The only room that knows the Grafana SDK: our panels in, Classic dashboard JSON out.

Classic JSON loads in every Grafana and is what file provisioning takes. The SDK is needed to generate, never to run.
"""

from dashboards.dsl.board import arrange, dashboard_json
from dashboards.look import DATASOURCE_UID

__all__ = ["DATASOURCE_UID", "arrange", "dashboard_json"]
