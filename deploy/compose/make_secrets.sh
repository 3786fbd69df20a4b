#!/bin/sh
# Runs before everything else, in the broker's image because that has mosquitto_passwd. Makes every password on the
# first start and keeps it ever after; each service sees only its own folder. To change one, delete its files and
# start again. To read the devices' one: docker compose exec mosquitto cat /secrets/devices
set -eu
umask 077
root=${1:-/secrets}

make() { # FILE: 32 characters nobody has to type twice
    [ -s "$root/$1" ] && return
    head -c 24 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n' >"$root/$1.new"
    mv "$root/$1.new" "$root/$1"
}

share() { # FROM TO
    cp "$root/$1" "$root/$2"
}

for folder in mosquitto influxdb grafana parkwatt simulator handover; do mkdir -p "$root/$folder"; done

make mosquitto/devices
make mosquitto/collector
make influxdb/admin_password
make influxdb/admin_token
make influxdb/grafana_password
make grafana/admin_password
make grafana/secret_key
make parkwatt/admin_password
share mosquitto/collector parkwatt/mqtt_password
share mosquitto/devices simulator/devices
share influxdb/grafana_password grafana/influx_password

rm -f "$root/mosquitto/passwd.new"
touch "$root/mosquitto/passwd.new"
mosquitto_passwd -b "$root/mosquitto/passwd.new" devices "$(cat "$root/mosquitto/devices")"
mosquitto_passwd -b "$root/mosquitto/passwd.new" parkwatt "$(cat "$root/mosquitto/collector")"
mv "$root/mosquitto/passwd.new" "$root/mosquitto/passwd"

# The users inside the images; outside a container there is nothing to hand over.
if [ -z "${1:-}" ]; then
    chown -R 1883:1883 "$root/mosquitto"
    chown -R 1000:1000 "$root/influxdb"
    chown -R 472:0 "$root/grafana"
    chown -R 10001:10001 "$root/parkwatt" "$root/simulator"
    # InfluxDB's user leaves a token here (and runs in Parkwatt's group to do so), Parkwatt's group reads it.
    chown -R 1000:10001 "$root/handover"
    chmod 750 "$root/handover"
fi
