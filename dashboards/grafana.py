"""Writes the Grafana dashboards: `python -m dashboards.grafana` regenerates what is committed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from core.text import Language
from dashboards.look import Look
from dashboards.panels import DASHBOARDS, TITLES

GENERATED = Path(__file__).parent / "generated"
ANY_PARK = tuple(Look(language) for language in Language)


def build(looks: Iterable[Look] = ANY_PARK) -> dict[str, Mapping[str, object]]:
    """Return file name -> dashboard: every dashboard in every look."""
    from dashboards.dsl import dashboard_json  # noqa: PLC0415 - the SDK is needed here and nowhere else

    return {
        f"{name}-{look.language}.json": dashboard_json(name, TITLES[name], panels, look)
        for look in looks
        for name, panels in DASHBOARDS.items()
    }


def text_of(document: Mapping[str, object]) -> str:
    """Write a dashboard so that the same panels always give the same bytes."""
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def write(folder: Path = GENERATED, looks: Iterable[Look] = ANY_PARK) -> list[Path]:
    """Write every dashboard to `folder` and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, document in build(looks).items():
        path = folder / name
        path.write_text(text_of(document), encoding="utf-8")
        files.append(path)
    return files


if __name__ == "__main__":
    for written in write():
        print(written)  # noqa: T201 - this is what the command says
