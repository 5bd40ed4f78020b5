"""The JSON Schema of scenario files, made from the tables that the reader reads by; for editors and other programs.

The shipped copy, sim/scenarios/scenario.schema.json, is compared with this by a test.
"""

from __future__ import annotations

import json
from typing import Any

from sim.scenario.reading import DEPTH_LIMIT, STEPS_LIMIT, TERMINAL, VERBS
from sim.scenario.steps import EXPECT, EXPECTATIONS, LIST_LIMIT, TEXT_LIMIT, Text
from sim.takes import Takes, one_of
from sim.unhappy import UNHAPPY

DRAFT = "https://json-schema.org/draft/2020-12/schema"
LINE: dict[str, Any] = {"type": ["string", "number"], "minLength": 1, "maxLength": TEXT_LIMIT}
TEXT: dict[str, Any] = {
    "anyOf": [
        {"$ref": "#/$defs/line"},
        {
            "type": "object",
            "properties": {"zh": {"$ref": "#/$defs/line"}, "en": {"$ref": "#/$defs/line"}},
            "required": ["zh", "en"],
            "additionalProperties": False,
        },
    ]
}


def _of(takes: Takes | type[Text] | list[Takes]) -> dict[str, Any]:
    if isinstance(takes, list):
        return {"type": "array", "items": takes[0].schema, "maxItems": LIST_LIMIT}
    return takes.schema if isinstance(takes, Takes) else {"$ref": "#/$defs/text"}


def _object(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False, **more}


def step_schema() -> dict[str, Any]:
    """One step: a verb alone, or an object of one verb."""
    alone = [verb for verb, takes in VERBS.items() if takes is None]
    verbs = {verb: _of(takes) for verb, takes in VERBS.items() if takes is not None}
    verbs[EXPECT] = _object({key: _of(takes) for key, takes in EXPECTATIONS.items()}, minProperties=1)
    return {"anyOf": [{"enum": alone}, _object(verbs, minProperties=1, maxProperties=1)]}


def schema() -> dict[str, Any]:
    """Of the whole file."""
    top = _object(
        {
            "title": {"$ref": "#/$defs/text"},
            "shows": {"type": "array", "items": one_of(*UNHAPPY).schema, "maxItems": LIST_LIMIT},
            "terminal": _object({key: takes.schema for key, takes in TERMINAL.items()}),
            "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}, "minItems": 1, "maxItems": STEPS_LIMIT},
        },
        required=["title", "steps"],
    )
    defs = {"line": LINE, "text": TEXT, "step": step_schema()}
    title = f"A scenario of the Zhanggui simulator, nested at most {DEPTH_LIMIT} deep"
    return {"$schema": DRAFT, "title": title, **top, "$defs": defs}


def schema_text() -> str:
    return json.dumps(schema(), ensure_ascii=False, indent=1) + "\n"
