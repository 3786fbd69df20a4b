#!/bin/sh
# Runs at every start, once InfluxDB answers: makes what is not there yet. Parkwatt writes and reads one bucket with a
# token of its own; Grafana reads it through the 1.x interface (/query) with an account made for that. InfluxDB chooses
# tokens itself, so Parkwatt's is handed over in a folder of which only InfluxDB's user may write and Parkwatt may read.
set -eu
secrets=${SECRETS:-/secrets}
token_file=${TOKEN_FILE:-/handover/influx_token}
INFLUX_HOST=${INFLUX_HOST:-http://influxdb:8086}
INFLUX_ORG=parkwatt
INFLUX_TOKEN=$(cat "$secrets/admin_token")
export INFLUX_HOST INFLUX_ORG INFLUX_TOKEN

bucket=$(influx bucket list --name parkwatt --hide-headers | cut -f 1)
[ -n "$bucket" ] || { echo "InfluxDB has no bucket parkwatt" >&2; exit 1; }

# What InfluxQL calls a database is a bucket with a mapping; from 2.9 on there is one by itself.
if ! influx v1 dbrp list --db parkwatt --hide-headers | grep -q "$bucket"; then
    influx v1 dbrp create --db parkwatt --rp autogen --bucket-id "$bucket" --default
fi

works() { # TOKEN
    [ -n "$1" ] && [ "$(INFLUX_TOKEN=$1 influx bucket list --name parkwatt --hide-headers 2>/dev/null | cut -f 1)" = "$bucket" ]
}

if ! works "$(cat "$token_file" 2>/dev/null)"; then
    for old in $(influx auth list --hide-headers | awk -F '\t' '$2 == "parkwatt" { print $1 }'); do
        influx auth delete --id "$old" >/dev/null
    done
    made=$(influx auth create --description parkwatt --read-bucket "$bucket" --write-bucket "$bucket" --json |
        sed -n 's/^.*"token": "\([^"]*\)".*$/\1/p')
    works "$made" || { echo "InfluxDB made no token that works" >&2; exit 1; }
    umask 027
    printf %s "$made" >"$token_file.new"
    mv "$token_file.new" "$token_file"
    echo "made a token for parkwatt"
fi

if influx v1 auth list --json | grep -q '"token": "grafana"'; then
    influx v1 auth set-password --username grafana --password "$(cat "$secrets/grafana_password")"
else
    influx v1 auth create --username grafana --password "$(cat "$secrets/grafana_password")" --read-bucket "$bucket" >/dev/null
fi
echo "InfluxDB has its accounts"
