"""The OpenAPI document, written from the table of routes. openapi.json beside this file is compared with it by a test.

    python -m sim api --openapi > sim/api/openapi.json
"""

from __future__ import annotations

import json
import re
from typing import Any

from sim.api.params import Param
from sim.api.routes import ROUTES, Route
from sim.api.schemas import SCHEMAS
from terminal.version import VERSION

MISTAKES = {
    "400": "not JSON, or not an object",
    "401": "no token, or a wrong one",
    "403": "from a page of another origin",
    "404": "there is no such thing",
    "405": "this path takes another method",
    "409": "the world is not so that it could be done",
    "411": "a body without a Content-Length",
    "413": "the body is too long",
    "415": "the body is said to be something else than JSON",
    "421": "another Host than 127.0.0.1 or localhost",
    "422": "a field is missing, unknown or wrong",
    "500": "the terminal in this world has crashed; reset makes another one",
    "503": "too many are waiting",
}


LANGUAGE = {
    "name": "Accept-Language",
    "in": "header",
    "required": False,
    "description": "of `reason` and `problem`: zh-CN, or else English; status and field are the same in both",
    "schema": {"type": "string", "default": "en"},
}
OPENAPI = Route("GET", "/v1/openapi.json", "This API, described.", lambda desk, values: document(), "Document")
TABLE = (*ROUTES, OPENAPI)


def _content(gives: str) -> dict[str, Any]:
    if "/" in gives:
        return {gives: {"schema": {"type": "string"}}}
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{gives}"}}}


def _schema(param: Param) -> dict[str, Any]:
    return {"description": param.words, **param.schema}


def _parameter(name: str, param: Param, path: str) -> dict[str, Any]:
    inside = f"{{{name}}}" in path
    return {
        "name": name,
        "in": "path" if inside else "query",
        "required": inside or param.required,
        "description": param.words,
        "schema": param.schema,
    }


def _operation(route: Route) -> dict[str, Any]:
    name = re.sub(r"[^a-z]+", "_", route.path.removeprefix("/v1/")).strip("_")
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    told: dict[str, Any] = {
        "operationId": f"{route.method.lower()}_{name}",
        "summary": route.words,
        "responses": {
            "200": {"description": "done", "content": _content(route.gives)},
            **{status: {"description": words, "content": error} for status, words in MISTAKES.items()},
        },
    }
    told["parameters"] = [{"$ref": "#/components/parameters/Language"}]
    if route.method == "GET":
        told["parameters"] += [_parameter(name, param, route.path) for name, param in route.takes.items()]
    elif route.takes:
        schema = {
            "type": "object",
            "properties": {name: _schema(param) for name, param in route.takes.items()},
            "required": [name for name, param in route.takes.items() if param.required],
            "additionalProperties": False,
        }
        required = bool(schema["required"])
        told["requestBody"] = {"required": required, "content": {"application/json": {"schema": schema}}}
    return told


def document() -> dict[str, Any]:
    """OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for route in TABLE:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "掌柜 Zhanggui: the simulated world",
            "version": VERSION,
            "description": "A terminal and everything around it, in virtual time. See docs/simulator.md.",
        },
        "servers": [{"url": "http://127.0.0.1:8087"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": dict(SCHEMAS),
            "parameters": {"Language": LANGUAGE},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def document_text() -> str:
    return json.dumps(document(), ensure_ascii=False, indent=1) + "\n"
