"""From derived series to alerts, and from alerts to people."""
