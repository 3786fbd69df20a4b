"""PARK.yaml of the demo park, as text an operator could have written."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from string import Template

from service.demo.faults import HISTORY_DAYS

PARK_ID = "lingang-demo"
WEATHER_YEAR_ZH = "纽约典型年（NSRDB 卫星数据，1999–2022 年各月）"
WEATHER_YEAR_EN = "New York's typical year (NSRDB satellite months of 1999-2022)"

_TEXT = Template("""\
# The demo park: a twin of a 4.7 ha zero-carbon park in Lingang, Shanghai. Nothing here is a real site.
id: lingang-demo
name: {zh: 临港零碳园区（演示）, en: Lingang zero-carbon park (demo)}
notice:
  zh: >-
    演示数据：仿真园区。云量取自$weather_zh，移至上海；负荷曲线取自 SimBench（ODbL 1.0）。
  en: >-
    Demo data: a simulated park. Its clouds are those of $weather_en, moved to Shanghai;
    its load shapes are SimBench's (ODbL 1.0).
latitude: 30.90
longitude: 121.92
altitude_m: 4
timezone: Asia/Shanghai
area_ha: 4.7
calendar: {country: null}  # its load shapes are German and keep no Chinese holiday
languages: [zh, en]

mqtt: $mqtt
store: {path: "$store"}
state: "$state"
http: {listen: $listen, port: $http_port}

points:
  - id: grid
    role: grid
    name: {zh: 10 kV 并网点, en: 10 kV grid connection}
    devices:
      - {id: grid-7f3a, template: json, rating_kw: 1000, accuracy_class: 0.2S, valid_from: $start}
  - id: pv-expo-roof
    role: pv
    name: {zh: 展馆屋顶光伏, en: Exhibition hall roof PV}
    group: expo
    devices:
      - {id: inv-expo-1, template: json, rating_kw: 380, accuracy_class: "0.5", valid_from: $start}
  - id: pv-hub-roof
    role: pv
    name: {zh: 办公楼屋顶光伏, en: Office hub roof PV}
    group: hub
    devices:
      - {id: inv-hub-1, template: json, rating_kw: 240, accuracy_class: "0.5", valid_from: $start}
  - id: pv-carport-1
    role: pv
    name: {zh: 一号光伏车棚, en: Carport 1 PV}
    devices:
      - {id: inv-carport-1, template: json, rating_kw: 165, accuracy_class: "0.5", valid_from: $start}
  - id: pv-carport-2
    role: pv
    name: {zh: 二号光伏车棚, en: Carport 2 PV}
    devices:
      - {id: inv-carport-2, template: json, rating_kw: 140, accuracy_class: "0.5", valid_from: $start}
  - id: bldg-expo
    role: load
    name: {zh: 展馆, en: Exhibition hall}
    group: expo
    devices:
      - {id: shellypro3em-expo, template: shelly-gen2-em, rating_kw: 250, accuracy_class: "1", valid_from: $start}
  - id: bldg-hub
    role: load
    name: {zh: 办公楼, en: Office hub}
    group: hub
    devices:
      - {id: shellypro3em-hub, template: shelly-gen2-em, rating_kw: 300, accuracy_class: "1", valid_from: $start}
  - id: bldg-lab
    role: load
    name: {zh: 实验楼, en: Laboratory}
    devices:
      - {id: meter-lab-02c1, template: json, rating_kw: 160, accuracy_class: "0.5", valid_from: $start}
  - id: street-lamps
    role: load
    name: {zh: 路灯, en: Street lamps}
    devices:
      - {id: tasmota-lamps, template: tasmota-energy, rating_kw: 20, valid_from: $start}
  - id: smart-poles
    role: load
    name: {zh: 智慧灯杆, en: Smart poles}
    devices:
      - {id: tasmota-poles, template: tasmota-energy, rating_kw: 12, valid_from: $start}
  - id: lake-pumps
    role: load
    name: {zh: 景观湖水泵, en: Lake pumps}
    devices:
      - {id: tasmota-pumps, template: tasmota-energy, rating_kw: 30, valid_from: $start}
  - id: weather
    role: weather
    name: {zh: 气象站, en: Weather station}
    devices:
      - {id: met-0b19, template: json, valid_from: $start}

arrays:
  - id: expo-roof
    name: {zh: 展馆屋顶, en: Exhibition hall roof}
    point: pv-expo-roof
    dc_kwp: 420
    ac_kw: 380
    tilt: 8
    azimuth: 172
    mounting: close_mount
    strings: 20
    weather: weather
    commissioned: 2024-05-01
  - id: hub-roof
    name: {zh: 办公楼屋顶, en: Office hub roof}
    point: pv-hub-roof
    dc_kwp: 260
    ac_kw: 240
    tilt: 12
    azimuth: 184
    mounting: semi_integrated
    strings: 16
    weather: weather
    commissioned: 2024-05-01
  - id: carport-1
    name: {zh: 一号车棚, en: Carport 1}
    point: pv-carport-1
    dc_kwp: 180
    ac_kw: 165
    tilt: 7
    azimuth: 205
    mounting: freestanding
    strings: 12
    weather: weather
    commissioned: 2024-09-01
  - id: carport-2
    name: {zh: 二号车棚, en: Carport 2}
    point: pv-carport-2
    dc_kwp: 150
    ac_kw: 140
    tilt: 5
    azimuth: 115
    mounting: freestanding
    strings: 10
    weather: weather
    commissioned: 2024-09-01

tariffs:
  - {valid_from: 2024-01-01, import_per_kwh: 0.70, export_per_kwh: 0.4155, currency: CNY, source: example}
targets:
  - {quantity: self_sufficiency, green: 0.60, yellow: 0.50, valid_from: 2024-01-01, source: example}
carbon:
  - {scheme: location, region: CN-SH}
receivers:
  - {id: log, kind: log, language: zh}
""")


def history_start(until: datetime, days: int = HISTORY_DAYS) -> datetime:
    """Return the first instant of the demo's history that ends at `until`."""
    return until - timedelta(days=days)


def park_yaml(
    until: datetime,
    *,
    days: int = HISTORY_DAYS,
    http_port: int = 8080,
    listen: str = "127.0.0.1",
    broker_host: str = "127.0.0.1",
    broker_port: int = 1883,
    username: str | None = None,
    password_env: str | None = None,
    password_file: Path | None = None,
    store: Path = Path("data/parkwatt.duckdb"),
    state: Path = Path("data/state.sqlite"),
) -> str:
    """Return PARK.yaml of the demo park; its history is the `days` days that end at `until`."""
    broker = {
        "host": broker_host,
        "port": str(broker_port),
        "username": username,
        "password_env": password_env,
        "password_file": f'"{password_file}"' if password_file else None,
    }
    return _TEXT.substitute(
        mqtt="{" + ", ".join(f"{key}: {value}" for key, value in broker.items() if value is not None) + "}",
        store=store,
        state=state,
        listen=listen,
        http_port=http_port,
        start=history_start(until, days).isoformat(),
        weather_zh=WEATHER_YEAR_ZH,
        weather_en=WEATHER_YEAR_EN,
    )
