#!/bin/sh
# InfluxDB 2 answers at the 1.x addresses (/write, /query) only for a database that is mapped to a bucket, and only
# to accounts made for that interface. Makes both where they are not there yet. Parkwatt's own statement
# CREATE DATABASE is refused by InfluxDB 2; the mapping made here is what stands in for it.
set -eu
INFLUX_TOKEN=$(cat /secrets/admin_token)
export INFLUX_TOKEN INFLUX_HOST=http://influxdb:8086 INFLUX_ORG=parkwatt

bucket=$(influx bucket list --name parkwatt --hide-headers | cut -f 1)

if ! influx v1 dbrp list --db parkwatt --hide-headers | grep -q "$bucket"; then
    influx v1 dbrp create --db parkwatt --rp autogen --bucket-id "$bucket" --default
fi

account() { # NAME FLAGS...
    name=$1
    shift
    if influx v1 auth list --hide-headers | grep -qw "$name"; then
        influx v1 auth set-password --username "$name" --password "$(cat "/secrets/${name}_password")"
    else
        influx v1 auth create --username "$name" --password "$(cat "/secrets/${name}_password")" "$@"
    fi
}

account parkwatt --read-bucket "$bucket" --write-bucket "$bucket"
account grafana --read-bucket "$bucket"
