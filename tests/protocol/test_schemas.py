"""The JSON Schemas say what the models of the program accept today."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from scripts.json_schemas import SCHEMAS, models, schema_text

_MODELS = models()


def test_there_is_a_schema_for_each_model_and_no_other() -> None:
    """`make vectors` has been run since a model came or went."""
    assert _MODELS
    assert {path.name for path in SCHEMAS.glob("*.json")} == set(_MODELS)


@pytest.mark.parametrize("name", sorted(_MODELS))
def test_a_schema_is_current_and_well_formed(name: str) -> None:
    """The published file is what the model gives now, and a valid schema."""
    text = (SCHEMAS / name).read_text(encoding="utf-8")

    assert text == schema_text(_MODELS[name])
    Draft202012Validator.check_schema(json.loads(text))


@pytest.mark.parametrize("name", sorted(_MODELS))
def test_a_model_takes_no_unknown_field_and_hides_its_input(name: str) -> None:
    """A model at a JSON edge is closed, frozen, and quotes no value in an error."""
    config = _MODELS[name].model_config

    assert config.get("extra") in {"forbid", "ignore"}, "say which, and why"
    assert config.get("frozen") is True
    assert config.get("hide_input_in_errors") is True
