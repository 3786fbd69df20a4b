"""InfluxDB writes a negative zero as `-0`, which a JSON reader takes for the integer 0: the sign is put back."""

from __future__ import annotations

import re

_STRING_OR_ZERO = re.compile(rb'"(?:[^"\\]|\\.)*"|(?<=[,\[])-0(?=[,\]])')


def with_signs(answer: bytes) -> bytes:
    """Return a JSON text in which every negative zero is a float; what stands in strings is left alone."""
    if b"-0," not in answer and b"-0]" not in answer:
        return answer
    return _STRING_OR_ZERO.sub(lambda found: b"-0.0" if found[0] == b"-0" else found[0], answer)
