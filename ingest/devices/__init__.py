"""One YAML file per kind of device: which topics it publishes on and what its payload means."""
