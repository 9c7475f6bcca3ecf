"""Write the JSON Schemas of protocol/schemas/ from the program's pydantic models.

`make vectors` calls this, and a test keeps the files current. Models of formats
that others define (exports of other password managers) have none here.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from konnector_runner.schema import manifest_schema

SCHEMAS = Path(__file__).parents[1] / "protocol" / "schemas"
# These run when they are imported: a program, and Alembic's own script.
_SCRIPTS = (".__main__", ".store_migrations.env")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# file: where its models live, and what it describes
_FILES = {
    "agent.json": ("clisk.agent", "What the agent is asked, and what --json prints"),
    "relay-api.json": ("clisk_sync.relay_answers", "What a relay answers in JSON"),
}


def models_in(name: str) -> Iterator[type[BaseModel]]:
    """Yield each model that has fields, of a module or of a package's modules."""
    top = importlib.import_module(name)
    inside = pkgutil.walk_packages(getattr(top, "__path__", []), f"{name}.")
    for module_name in [name, *(info.name for info in inside)]:
        if module_name.endswith(_SCRIPTS):
            continue
        for value in vars(importlib.import_module(module_name)).values():
            if (
                isinstance(value, type)
                and issubclass(value, BaseModel)
                and value.__module__ == module_name
                and value.model_fields
            ):
                yield value


def _together(name: str, title: str) -> str:
    """Return one schema whose $defs are the models in *name*."""
    _, schema = models_json_schema(
        [(model, "validation") for model in models_in(name)], title=title
    )
    return json.dumps({"$schema": _DIALECT, **schema}, indent=2, sort_keys=True) + "\n"


def schemas() -> dict[str, str]:
    """Return the text of every published schema, by file name."""
    return {
        **{file: _together(*source) for file, source in _FILES.items()},
        "manifest.json": manifest_schema(),
    }


def main() -> int:
    """Write all schemas and remove those that are no more."""
    SCHEMAS.mkdir(exist_ok=True)
    current = schemas()
    for name, text in current.items():
        (SCHEMAS / name).write_text(text, encoding="utf-8")
    for path in SCHEMAS.glob("*.json"):
        if path.name not in current:
            path.unlink()
    print(f"wrote {len(current)} schemas")
    return 0


if __name__ == "__main__":
    sys.exit(main())
