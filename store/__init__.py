"""Where series live: an embedded store and InfluxDB, behind one protocol."""
