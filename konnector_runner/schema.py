"""The JSON Schema of manifest.konnector, for authors and their editors.

python -m konnector_runner.schema > protocol/schemas/manifest.json
"""

from __future__ import annotations

import json
import sys

from konnector_runner.manifest import ManifestModel

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def manifest_schema() -> str:
    """Return the schema as the text of protocol/schemas/manifest.json."""
    schema = {"$schema": _DIALECT, **ManifestModel.model_json_schema()}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(manifest_schema())
