"""Write the JSON Schema of every pydantic model to protocol/schemas/.

Models stand only where JSON crosses a process or a machine, so each of them is
a format, and a test keeps the files current. `make vectors` calls this.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from pathlib import Path

from pydantic import BaseModel

_PACKAGES = ("clisk", "clisk_sync", "clisk_vault", "konnector_runner")
SCHEMAS = Path(__file__).parents[1] / "protocol" / "schemas"


def models() -> dict[str, type[BaseModel]]:
    """Return every model with fields, by the name of its file."""
    found: dict[str, type[BaseModel]] = {}
    for package in _PACKAGES:
        top = importlib.import_module(package)
        for info in pkgutil.walk_packages(top.__path__, f"{package}."):
            if info.name.endswith("__main__"):
                continue
            module = importlib.import_module(info.name)
            for value in vars(module).values():
                if _is_model_of(info.name, value):
                    found[f"{info.name}.{value.__name__}.json"] = value
    return found


def _is_model_of(module: str, value: object) -> bool:
    return (
        isinstance(value, type)
        and issubclass(value, BaseModel)
        and value.__module__ == module
        and bool(value.model_fields)
    )


def schema_text(model: type[BaseModel]) -> str:
    """Return the schema of *model* as it is written to its file."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write all schemas and remove those of models that are gone."""
    SCHEMAS.mkdir(exist_ok=True)
    current = models()
    for name, model in current.items():
        (SCHEMAS / name).write_text(schema_text(model), encoding="utf-8")
    for path in SCHEMAS.glob("*.json"):
        if path.name not in current:
            path.unlink()
    print(f"wrote {len(current)} schemas")
    return 0


if __name__ == "__main__":
    sys.exit(main())
