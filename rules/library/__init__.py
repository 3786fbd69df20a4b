"""The rules that come with Parkwatt, one YAML file each."""
