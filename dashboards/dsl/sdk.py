"""The parts of the Grafana SDK that are used, imported once."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # The SDK prefers the newer schema, which file provisioning does not take yet; Classic is meant here.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import bargauge, stat, statetimeline, statushistory, table, timeseries
    from grafana_foundation_sdk.builders import common as common_builders
    from grafana_foundation_sdk.builders import dashboard as builders
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.variants import Dataquery
    from grafana_foundation_sdk.models import common, dashboard

__all__ = [
    "Builder",
    "Dataquery",
    "JSONEncoder",
    "bargauge",
    "builders",
    "common",
    "common_builders",
    "dashboard",
    "stat",
    "statetimeline",
    "statushistory",
    "table",
    "timeseries",
]
