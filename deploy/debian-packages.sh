#!/bin/sh
# The servers and programs the tests run for real. Root on Debian or Ubuntu: installs what is missing.
# Anybody else: names what will be skipped. Never fails by itself; the tests say what they had to leave out.
set -u
PATH=$PATH:/usr/sbin:/sbin
missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need mosquitto mosquitto
need influxd influxdb
need victoria-metrics victoria-metrics
need chromium chromium
need pdftotext poppler-utils
[ -n "$(ls /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc 2>/dev/null)" ] || missing="$missing fonts-noto-cjk"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing for the tests:$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 && exit 0
    echo "Could not install:$missing. The tests that need them will be skipped."
else
    echo "Not on this machine:$missing. The tests that need them will be skipped."
    echo "To have them all: sudo apt-get install$missing"
fi
exit 0
