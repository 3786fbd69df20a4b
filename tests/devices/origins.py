"""Where the golden payload of each device template comes from, as a table: `python -m tests.devices.origins`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import yaml

FOLDER = Path(__file__).parent

# The kinds of devices that were asked for, and which templates serve each.
KINDS: dict[str, tuple[str, ...]] = {
    "plain JSON": ("json", "growatt-grott", "iammeter-wem3080t", "esp8266-p1meter", "oesterreichs-energie"),
    "one scalar per topic": ("deye-inverter-mqtt", "wirenboard-mercury230", "dsmr-reader"),
    "Shelly Gen1 EM": ("shelly-gen1-em", "shelly-gen1-3em"),
    "Shelly Gen2/3": ("shelly-gen2-em", "shelly-gen2-em1", "shelly-gen2-plug"),
    "Tasmota": ("tasmota-energy", "tasmota-sml"),
    "Zigbee2MQTT plug": ("zigbee2mqtt-plug",),
    "Home Assistant statestream": ("homeassistant-statestream",),
    "OpenDTU": ("opendtu",),
    "AhoyDTU": ("ahoydtu",),
    "Victron Venus OS": ("victron-grid", "victron-pvinverter"),
    "evcc": ("evcc-grid", "evcc-loadpoint"),
    "openWB 2": ("openwb-counter",),
    "emonESP/emonTx": ("emontx",),
    "Telegraf JSON and line protocol": ("telegraf-json", "telegraf-line"),
    "ThingsBoard gateway telemetry": ("thingsboard-gateway",),
    "ChirpStack v4 uplink": ("chirpstack", "milesight-ws52x-chirpstack"),
    "The Things Stack v3 uplink": ("the-things-stack", "milesight-ws52x-tts"),
    "Sparkplug B": ("sparkplug-b",),
    "SunSpec-over-MQTT JSON": ("fronius-bridge-meter",),
    "Fronius inverter": ("fronius-bridge-inverter",),
    "Huawei/Sungrow-style gateway": ("huawei-huabus", "sungrow-sungather"),
    "Chinese meter gateways": ("acrel-awt", "acrel-adw300", "neuron"),
    "DL/T 645 via gateway": ("dlt645-sdrtu",),
}


class Origin(NamedTuple):
    """Of one golden payload: its template and case, and whether it was captured, documented or constructed."""

    template: str
    case: str
    kind: str
    source: str
    readings: int
    seen_as: str  # where it was seen, if not as the telegram that is published

    @property
    def counts(self) -> bool:
        """Say whether somebody else wrote it down, and it became readings: what we made up ourselves proves nothing."""
        return self.kind in {"captured", "documented"} and self.readings > 0


def origins() -> list[Origin]:
    """Return the origin of every golden payload, sorted by template and case."""
    found = []
    for file in FOLDER.rglob("provenance.yaml"):
        template, *case = file.parent.relative_to(FOLDER).parts
        told = yaml.safe_load(file.read_text(encoding="utf-8"))
        expected = json.loads((file.parent / "expected.json").read_text(encoding="utf-8"))
        found.append(
            Origin(
                template,
                "/".join(case),
                told["kind"],
                told["source"],
                len(expected["readings"]),
                told.get("not_as_published", ""),
            )
        )
    return sorted(found)


def kind_of(template: str) -> str:
    """Return the kind a template serves; "-" where nobody asked for it."""
    return next((kind for kind, templates in KINDS.items() if template in templates), "-")


def founded(*, as_published: bool = False) -> set[str]:
    """Return the templates that read something somebody else wrote down; if need be only telegrams as published."""
    return {o.template for o in origins() if o.counts and not (as_published and o.seen_as)}


def table() -> str:
    """Return the payloads and the kinds as Markdown, and the counts."""
    payloads = [
        f"| {o.template} | {o.case or '-'} | {kind_of(o.template)} | {o.kind} | {o.readings} "
        f"| {o.seen_as or '-'} | {o.source} |"
        for o in origins()
    ]
    real = founded()
    kinds = [
        f"| {kind} | {', '.join(t for t in templates if t in real) or '-'} "
        f"| {', '.join(t for t in templates if t not in real) or '-'} |"
        for kind, templates in KINDS.items()
    ]
    templates = {o.template for o in origins()}
    of_kinds = {t for t in real if kind_of(t) != "-"}
    served = [kind for kind, templates_of in KINDS.items() if real & set(templates_of)]
    strict = founded(as_published=True)
    strictly = [kind for kind, templates_of in KINDS.items() if strict & set(templates_of)]
    without = ", ".join(k for k in KINDS if k not in served)
    return "\n".join(
        [
            "| template | payload | serves | provenance | readings | not as published | source |",
            "|---|---|---|---|---|---|---|",
            *payloads,
            "",
            "| kind asked for | templates founded on a captured or documented payload | on constructed ones only |",
            "|---|---|---|",
            *kinds,
            "",
            f"{len(templates)} templates, {len(real)} of them founded, {len(of_kinds)} of these for a kind asked for",
            f"{len(KINDS)} kinds asked for, {len(served)} served by a founded template; without: {without}",
            f"counting only telegrams as they are published: {len(strict)} templates, {len(strictly)} kinds",
        ]
    )


if __name__ == "__main__":
    print(table())
