"""How answers are written."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import JSONResponse


def written(content: Any) -> bytes:  # Any: as Starlette has it
    """Return JSON; NaN becomes null, arrays become lists, times have their offset."""
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NAIVE_UTC
    return orjson.dumps(content, option=options)


class AnyJson(JSONResponse):
    """JSON by orjson; NaN becomes null."""

    def render(self, content: Any) -> bytes:  # Any: as Starlette has it
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z)
