"""How long to wait before trying again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Backoff:
    """How long to wait before the n-th attempt in a row: doubling, capped, jittered so that a fleet spreads out."""

    first_s: float = 0.5
    most_s: float = 30.0
    jitter: random.Random = field(default_factory=random.Random)

    def delay_s(self, failures: int) -> float:
        """Return the wait after so many failures in a row."""
        ceiling = min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 16))
        return ceiling * self.jitter.uniform(0.5, 1.0)
