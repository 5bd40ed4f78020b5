"""JSON Schemas of what is answered; the components of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sim.api.params import TERMS

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
YES: Schema = {"type": "boolean"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
TEXTS: Schema = {"type": "array", "items": TEXT}
FREE: Schema = {"type": "object"}


def an(properties: Mapping[str, Schema]) -> Schema:
    """An object that has exactly these."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def a_list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


SCREEN = an({"name": TEXT, "lines": TEXTS, "width": WHOLE, "height": WHOLE, "lamps": TEXTS})
STATE = {
    "seed": {"type": ["integer", "string"]},
    "age_ms": WHOLE,
    "clock": {"type": "string", "format": "date-time"},
    "power": YES,
    "lives": WHOLE,
    "mode": TEXT,
    "screen": TEXT,
    "slips": WHOLE,
    "card": YES,
    "host": {"enum": ["simulated", "outside"]},
}
ENDED = ["done", "limit", "interrupted", "power-cut", "crashed"]
OUTCOME = {"ended": {"enum": ENDED}, "at_ms": WHOLE, "screen": SCREEN}
PLAYED: Mapping[str, Schema] = MappingProxyType(
    {"ended": {"enum": [*ENDED, "failed"]}, "step": WHOLE, "line": WHOLE, "column": WHOLE, "problem": TEXT}
)
PAYMENT = {
    "id": WHOLE,
    "state": TEXT,
    "kind": TEXT,
    "method": TEXT,
    "amount_minor": WHOLE,
    "batch": WHOLE,
    "stan": TEXT,
    "created_ms": WHOLE,
    "facts": FREE,
}
BOOKED = {
    "kind": TEXT,
    "batch_no": TEXT,
    "stan": TEXT,
    "rrn": TEXT,
    "amount_minor": WHOLE,
    "state": TEXT,
    "code": TEXT,
}
FAULT = {"what": TEXT, "how": TEXT, "zh": TEXT, "en": TEXT}
MESSAGE = {
    "number": WHOLE,
    "at_ms": WHOLE,
    "mti": MAYBE_TEXT,
    "tpdu": MAYBE_TEXT,
    "header": MAYBE_TEXT,
    "requirement": {"type": ["integer", "null"]},
    "bitmap": MAYBE_TEXT,
    "mac": TEXT,
    "fields": {"type": "object", "additionalProperties": FREE},
    "problem": {"type": ["object", "null"]},
}
SCHEMAS: Mapping[str, Schema] = MappingProxyType(
    {
        "State": an({**STATE, "speed": {"type": "number"}, "version": TEXT}),
        "Outcome": an(OUTCOME),
        "Played": an({**OUTCOME, **PLAYED}),
        "Time": an({"speed": {"type": "number"}, "age_ms": WHOLE}),
        "Screen": SCREEN,
        "Slips": an({"slips": a_list(an({"number": WHOLE, "text": TEXT}))}),
        "Faults": an(
            {
                "faults": a_list(an(FAULT)),
                "in_force": a_list(an({"what": TEXT, "how": TEXT, "times": {"type": ["integer", "null"]}})),
            }
        ),
        "Payments": an({"payments": a_list(an(PAYMENT))}),
        "Events": an(
            {"events": a_list(an({"n": WHOLE, "at_ms": WHOLE, "kind": TEXT, "body": FREE, "digest": TEXT}))}
        ),
        "Books": an(
            {
                "terminal": TEXTS,
                "host": a_list(an(BOOKED)),
                "orders": a_list(an({"order_no": TEXT, "amount_minor": WHOLE, "state": TEXT})),
                "agree": YES,
                "differences": TEXTS,
            }
        ),
        "Messages": an({"messages": a_list(an(MESSAGE))}),
        "Cards": an({"cards": a_list(an({"name": TEXT, "group": TEXT, "zh": TEXT, "en": TEXT, "pin": TEXT}))}),
        "Codes": an(
            {"codes": a_list(an({"code": TEXT, "zh": TEXT, "en": TEXT, "amount_minor": {"type": ["integer", "null"]}}))}
        ),
        "Snapshot": an(
            {
                "version": TEXT,
                "terms": an({name: param.schema for name, param in TERMS.items()}),
                "entries": a_list(FREE),
                "digest": TEXT,
            }
        ),
        "Document": FREE,
        "Error": an({"error": an({"status": WHOLE, "field": TEXT, "reason": TEXT})}),
    }
)
