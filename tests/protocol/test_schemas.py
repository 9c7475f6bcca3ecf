"""The JSON Schemas say what the models of the program accept today."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from scripts.json_schemas import SCHEMAS, models_in, schemas

_CURRENT = schemas()
_PACKAGES = ("clisk", "clisk_sync", "clisk_vault", "konnector_runner")
_MODELS = {
    f"{model.__module__}.{model.__name__}": model
    for package in _PACKAGES
    for model in models_in(package)
}
# Others define these and add to them; what we do not know is kept or passed over.
_FORMATS_OF_OTHERS = (
    "clisk_vault.transfer.",
    "konnector_runner.autofill.equivalents.",
    "konnector_runner.manifest.",
)


def test_no_schema_is_left_over() -> None:
    """`make vectors` has been run since a format came or went."""
    assert {path.name for path in SCHEMAS.glob("*.json")} == set(_CURRENT)


@pytest.mark.parametrize("name", sorted(_CURRENT))
def test_a_schema_is_current_and_well_formed(name: str) -> None:
    """The published file is what the models give now, and a valid schema."""
    text = (SCHEMAS / name).read_text(encoding="utf-8")

    assert text == _CURRENT[name]
    Draft202012Validator.check_schema(json.loads(text))


@pytest.mark.parametrize("name", sorted(_MODELS))
def test_a_model_is_closed_and_keeps_its_input_to_itself(name: str) -> None:
    """A model is strict and frozen, and its errors quote no value.

    Unknown members are refused, but in formats that others define.
    """
    model: type[BaseModel] = _MODELS[name]
    config = model.model_config

    assert config.get("strict") is True
    assert config.get("frozen") is True
    assert config.get("hide_input_in_errors") is True
    if not name.startswith(_FORMATS_OF_OTHERS):
        assert config.get("extra") == "forbid"
