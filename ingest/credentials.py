"""How we introduce ourselves to the broker, and what a refusal means in words."""

from __future__ import annotations

import ssl

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from core.errors import ConfigError
from core.park import Broker, secret

CONNECT_TIMEOUT_S = 10.0
_REFUSALS = {
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "refuses our certificate: it has expired (mqtt.cert_file)",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "refuses our certificate (mqtt.cert_file)",
    "SSLV3_ALERT_BAD_CERTIFICATE": "refuses our certificate (mqtt.cert_file)",
    "TLSV1_ALERT_UNKNOWN_CA": "refuses our certificate: it does not know who signed it (mqtt.cert_file)",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "wants a certificate of ours (mqtt.cert_file and key_file)",
}


def check_credentials(broker: Broker) -> None:
    """Raise ConfigError where the password or a TLS file is not there, before anything starts."""
    password_of(broker)
    if broker.tls:
        tls_of(broker)


def introduce(client: mqtt.Client, broker: Broker) -> None:
    """Give a client the user, password and TLS files of PARK.yaml, read anew: certificates are renewed while we run."""
    if broker.username is not None:
        client.username_pw_set(broker.username, password_of(broker))
    if broker.tls:
        client.tls_set_context(tls_of(broker))


def passing_client(broker: Broker, client_id: str) -> mqtt.Client:
    """Return a client that leaves nothing behind at the broker when it goes."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, clean_session=True, protocol=mqtt.MQTTv311)
    client.connect_timeout = CONNECT_TIMEOUT_S
    introduce(client, broker)
    return client


def password_of(broker: Broker) -> str | None:
    """Return the password PARK.yaml points to; raises ConfigError where it is not there."""
    try:
        found = secret(broker.password_env, broker.password_file)
    except OSError as error:
        raise ConfigError(f"cannot read mqtt.password_file: {error.strerror}", str(broker.password_file)) from error
    if broker.password_env and found is None:
        raise ConfigError(f"the environment has no {broker.password_env}", "mqtt.password_env names it")
    return found


def tls_of(broker: Broker) -> ssl.SSLContext:
    """Return the TLS settings of PARK.yaml; raises ConfigError where a file cannot be used."""
    try:
        context = ssl.create_default_context(cafile=broker.ca_file)
        if broker.cert_file:
            context.load_cert_chain(broker.cert_file, broker.key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"the TLS files of mqtt cannot be used: {words_of(error)}", "ca_file, cert_file, key_file"
        ) from error
    return context


def words_of(error: Exception) -> str:
    """Say what is wrong with a connection."""
    if isinstance(error, ssl.SSLError) and error.reason in _REFUSALS:
        return _REFUSALS[error.reason]
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
