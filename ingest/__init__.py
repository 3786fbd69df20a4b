"""From MQTT telegrams and files to readings."""
