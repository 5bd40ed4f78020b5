"""A client for the API's tests: what any HTTP library does, and every answer checked against the OpenAPI document."""

from __future__ import annotations

import http.client
import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from sim.api.openapi import document
from sim.api.server import ApiServer
from sim.reasons import in_chinese

TOKEN = "a-token-of-this-test"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def reason(self) -> tuple[str, str]:
        """Field and reason of a refusal."""
        return self.json["error"]["field"], self.json["error"]["reason"]


@cache
def schema_of(method: str, path: str, status: int) -> Any:
    """The validator of an answer; None where it is no JSON."""
    told = document()
    for known, operations in told["paths"].items():
        if method.lower() in operations and re.fullmatch(re.sub(r"\{\w+\}", r"\\d+", known.replace(".", r"\.")), path):
            content = operations[method.lower()]["responses"][str(status)]["content"]
            schema = content.get("application/json", {}).get("schema")
            return schema and Draft202012Validator({**schema, "components": told["components"]})
    raise LookupError(f"{method} {path} is not in the document")


class Client:
    """Speaks with one server over one connection."""

    def __init__(self, server: ApiServer) -> None:
        self._port = server.port
        self._line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)

    def close(self) -> None:
        self._line.close()

    def raw(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Exactly this; a header that is None is left out."""
        sent = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", **headers}
        self._line.request(method, path, body, {name: value for name, value in sent.items() if value})
        response = self._line.getresponse()
        return Answer(response.status, dict(response.headers), response.read())

    def call(self, method: str, path: str, told: object = None, query: str = "") -> Answer:
        """A request of the document, and an answer that fits it."""
        body = None if told is None else json.dumps(told).encode()
        answer = self.raw(method, f"/v1{path}{query}", body)
        validator = schema_of(method, f"/v1{path}", answer.status)
        if validator is not None:
            validator.validate(answer.json)
        if answer.status >= 400:
            assert re.search(r"[一-鿿]", in_chinese(answer.reason[1])), f"{answer.reason[1]!r} has no row"
        return answer

    def get(self, path: str, query: str = "") -> Any:
        answer = self.call("GET", path, query=query)
        assert answer.status == 200, answer.data
        return answer.json

    def post(self, path: str, **told: object) -> Any:
        answer = self.call("POST", path, told)
        assert answer.status == 200, answer.data
        return answer.json
