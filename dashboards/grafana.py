"""Writes the Grafana dashboards: `python -m dashboards.grafana` regenerates what is committed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from core.text import Language, Text
from dashboards.panels import DASHBOARDS

GENERATED = Path(__file__).parent / "generated"
TITLES: dict[str, Text] = {"park-overview": Text(zh="园区总览", en="Park overview")}


def build(timezone: str = "browser") -> dict[str, Mapping[str, object]]:
    """Return file name -> dashboard, for every dashboard and language."""
    from dashboards.dsl import dashboard_json  # noqa: PLC0415 - the SDK is needed here and nowhere else

    return {
        f"{name}-{language}.json": dashboard_json(
            f"parkwatt-{name}-{language}", TITLES[name].say(language), panels, language, timezone
        )
        for name, panels in DASHBOARDS.items()
        for language in Language
    }


def text_of(document: Mapping[str, object]) -> str:
    """Write a dashboard so that the same panels always give the same bytes."""
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def write(folder: Path = GENERATED, timezone: str = "browser") -> list[Path]:
    """Write every dashboard to `folder` and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, document in build(timezone).items():
        path = folder / name
        path.write_text(text_of(document), encoding="utf-8")
        files.append(path)
    return files


if __name__ == "__main__":
    for written in write():
        print(written)  # noqa: T201 - this is what the command says
