"""Write the JSON Schema of PARK.yaml, for editors that complete and check while typing."""

import json
from pathlib import Path

from core.park import Park

TARGET = Path(__file__).parent.parent / "docs" / "park.schema.json"

schema = Park.model_json_schema()
schema["title"] = "PARK.yaml"
TARGET.write_text(json.dumps(schema, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
