"""The panel list: everything in it exists, carries one unit, and is drawn the same everywhere."""

from __future__ import annotations

import pytest

from core.quantities import DERIVED, WATCHED, Scope
from dashboards.panel import COLOURS, Panel, PanelKind
from dashboards.panels import DASHBOARDS, TITLES, panel

PANELS = [p for panels in DASHBOARDS.values() for p in panels]


@pytest.mark.parametrize("shown", PANELS, ids=lambda p: p.id)
def test_every_series_is_in_the_vocabulary_and_has_a_colour(shown: Panel):
    for series in shown.series:
        assert series.quantity in DERIVED or series.quantity in WATCHED
        assert series.colour in COLOURS
        assert series.field in {"value", "coverage", "estimated"}
    assert shown.unit in {"kWh", "kW", "1", "kgCO2", "kWh/m²", "kWh/kWp", "count", "s", "level", ""}
    assert bool(shown.series) is (shown.kind is not PanelKind.TABLE)


def test_ids_are_unique():
    for panels in DASHBOARDS.values():
        assert len(panels) == len({p.id for p in panels})


def test_the_same_id_is_the_same_panel_everywhere():
    assert len({p.id for p in PANELS}) == len(set(PANELS))


def test_there_are_six_dashboards_with_a_title_and_every_way_on_leads_to_one():
    assert list(DASHBOARDS) == ["park-overview", "pv", "buildings", "carbon", "alerts", "data"] == list(TITLES)
    assert {p.leads_to for p in PANELS} == {None, "pv", "buildings", "carbon", "alerts"}


@pytest.mark.parametrize("shown", PANELS, ids=lambda p: p.id)
def test_words_are_there_in_both_languages(shown: Panel):
    for text in (shown.title, shown.note, *(s.title for s in shown.series), *(s.word for s in shown.states)):
        assert any("\u4e00" <= c <= "\u9fff" for c in text.zh)
        assert text.en.isascii()


def test_what_has_no_model_yet_is_nowhere():
    absent = ("baseline", "budget", "forecast")
    assert not [s.quantity for p in PANELS for s in p.series if any(word in s.quantity for word in absent)]


def test_one_colour_per_thing():
    colour_of = {}
    for shown in PANELS:
        for series in shown.series:
            if series.scope is Scope.PARK and series.quantity in {
                "generation_kwh",
                "load_kwh",
                "import_kwh",
                "export_kwh",
            }:
                colour_of.setdefault(series.quantity, set()).add(series.colour)
    assert colour_of == {
        "generation_kwh": {"pv"},
        "load_kwh": {"load"},
        "import_kwh": {"import"},
        "export_kwh": {"export"},
    }


def test_expected_is_dashed_and_power_is_in_kw():
    curve = panel("today")
    assert curve.unit == "kW"
    assert {s.quantity for s in curve.series if s.dashed} == {"expected_kwh"}


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", COLOURS)
def test_colours_stand_off_the_page(name: str):
    # Text in tier colours needs 4.5:1, drawings 3:1, on the page's own light and dark surfaces.
    needed = 4.5 if name in {"green", "yellow", "red", "unknown"} else 3.0
    assert _contrast(COLOURS[name].light, "#ffffff") >= needed
    assert _contrast(COLOURS[name].dark, "#161c23") >= needed
