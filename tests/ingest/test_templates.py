from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConfigError
from ingest.templates import load_template, load_templates

GOOD = """
template: acme
blocks:
  all:
    - {quantity: active_power_kw, path: p.total, unit: W, negate: true}
messages:
  - {topic: "acme/{device}/data", read: {all: ""}, time: {path: t, forms: [epoch]}}
"""


def test_a_folder_of_the_operators_own_adds_templates(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(GOOD)
    (tmp_path / "notes.txt").write_text("no template")
    assert sorted(load_templates(tmp_path).keys() - load_templates().keys()) == ["acme"]
    assert load_templates(tmp_path)["acme"].blocks["all"][0].scale == (-1, 1000)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("active_power_kw", "active_power", "did you mean active_power_kw"),
        ("unit: W", "unit: kWh", "must be one of kW, W, MW"),
        ("acme/{device}/data", "acme/data", "holds {device} once"),
        ("acme/{device}/data", "acme/{device}/#", "no wildcards"),
        ("acme/{device}/data", "acme/{device}x{device}/data", "{device} once"),
        ('read: {all: ""}', 'several: {}, read: {all: ""}', "either the topic holds {device} once, or several"),
        ('read: {all: ""}', 'format: line_protocol, read: {all: ""}', "line_protocol holds a list"),
        ('read: {all: ""}', 'list_at: x, read: {all: ""}', "list_at says where a list stands"),
        ('read: {all: ""}', 'no_value: [nil], read: {all: ""}', "no_value is for bare numbers"),
        ("forms: [epoch]", "forms: [epoch], shared: true", "a shared time is one key beside several devices"),
        ("{all: ", "{other: ", "there is no block other"),
        ('read: {all: ""}', "own_names: false", "either readings, or read or own_names or both"),
        ("forms: [epoch]", "forms: [unix]", "forms"),
        ("negate: true", "negat: true", "Extra inputs"),
        ("template: acme", "template: other", "the file's name asks for acme"),
        ("blocks:", "blocks: [", "cannot be read"),
        ("unit: W,", "total: sum, unit: W,", "needs channels"),
        ("unit: W,", "unit: W, divide: 0,", "greater than 0"),
        ("active_power_kw, path: p.total, unit: W", "energy_import_kwh, path: a, minus: b", "minus is for one gauge"),
        ("path: p.total", 'path: ""', "only readings of a message may have an empty path"),
        ('read: {all: ""}', 'at: values, read: {all: ""}', "at says where own_names stand"),
        ("acme/{device}/data", "acme/+x/{device}", "no wildcards but a level +"),
        (
            'read: {all: ""}',
            'readings: [{quantity: active_power_kw, path: ""}]',
            "a bare number has no time and no list around it",
        ),
    ],
)
def test_a_faulty_template_is_told_with_its_file(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    (tmp_path / "acme.yaml").write_text(GOOD.replace(old, new))
    with pytest.raises(ConfigError) as fault:
        load_templates(tmp_path)
    assert "acme.yaml" in str(fault.value)
    assert complaint in str(fault.value)


def test_a_level_of_a_topic_may_be_open() -> None:
    message = load_template("victron-grid").messages[0]
    assert message.subscription == "N/+/grid/+/Ac/Energy/Forward"
    assert message.device_in("N/e0ff50a097c0/grid/30/Ac/Energy/Forward") == "e0ff50a097c0"
    assert message.device_in("N/e0ff50a097c0/grid/30/31/Ac/Energy/Forward") is None
    assert message.device_in("N/e0ff50a097c0/pvinverter/30/Ac/Energy/Forward") is None


def test_load_template_names_the_nearest() -> None:
    assert load_template("json").topics == ("parkwatt/{device}/telemetry",)
    with pytest.raises(ConfigError, match="did you mean tasmota-energy"):
        load_template("tasmota-enrgy")
