"""How answers are written."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import JSONResponse


class AnyJson(JSONResponse):
    """JSON by orjson; NaN becomes null."""

    def render(self, content: Any) -> bytes:  # Any: as Starlette has it
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z)
