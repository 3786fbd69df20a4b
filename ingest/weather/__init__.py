"""Weather services: where nobody measures the light, somebody computes it. Off unless PARK.yaml names one."""
