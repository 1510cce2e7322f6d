"""The description of the interface (`docs/openapi.json`), and answers held against it."""

import copy
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from jsonschema import Draft202012Validator
from yarl import URL

ROOT = Path(__file__).resolve().parents[3]
VERBS = {"get", "post", "patch", "delete"}


def description() -> dict:
    return json.loads((ROOT / "docs" / "openapi.json").read_text())


class Contract:
    """What the description says, for a whole server."""

    def __init__(self) -> None:
        self.document = description()
        self.operations = {
            operation["operationId"]: (verb.upper(), path, operation)
            for path, item in self.document["paths"].items()
            for verb, operation in item.items()
            if verb in VERBS
        }
        schemas = self.document["components"]["schemas"]
        self._components = {"schemas": {name: self._inner(schema) for name, schema in schemas.items()}}

    def check(self, value: Any, schema: dict, what: str) -> None:
        """The value fits the schema, and has no member that the schema does not name."""
        whole = {**self._closed(schema), "components": self._components}
        Draft202012Validator.check_schema(whole)
        faults = sorted(Draft202012Validator(whole).iter_errors(value), key=str)
        told = "; ".join(f"{fault.json_path}: {fault.message[:300]}" for fault in faults[:5])
        assert not faults, f"{what}: {told}\n{json.dumps(value)[:2000]}"

    def answer(self, operation_id: str, status: int) -> dict:
        """The answer of an operation with a status, references resolved."""
        _, _, operation = self.operations[operation_id]
        answers = operation["responses"]
        assert str(status) in answers, f"{operation_id} does not say that it may answer {status}"
        return self.resolve(answers[str(status)])

    def resolve(self, thing: dict) -> dict:
        while "$ref" in thing:
            found: Any = self.document
            for step in thing["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            thing = found
        return thing

    def members(self, schema: dict) -> set[str]:
        """The members that an object of this schema may have."""
        schema = self.resolve(schema)
        own = set(schema.get("properties", {}))
        return own.union(*(self.members(part) for part in schema.get("allOf", [])))

    def _closed(self, schema: dict) -> dict:
        """At a place where a value is wanted: nothing may be there that is not described."""
        inner = self._inner(schema)
        if self._has_members(schema):
            inner["unevaluatedProperties"] = False
        return inner

    def _inner(self, schema: dict) -> dict:
        schema = copy.copy(schema)
        if "properties" in schema:
            schema["properties"] = {name: self._closed(inner) for name, inner in schema["properties"].items()}
        for key in ("items", "additionalProperties"):
            if isinstance(schema.get(key), dict):
                schema[key] = self._closed(schema[key])
        for key in ("allOf", "oneOf"):
            if key in schema:
                schema[key] = [self._inner(part) for part in schema[key]]
        return schema

    def _has_members(self, schema: dict) -> bool:
        """Whether it names all members; a part of it that says nothing stands for any."""
        schema = self.resolve(schema)
        parts = [self.resolve(part) for key in ("allOf", "oneOf") for part in schema.get(key, [])]
        if any(not {"type", "properties", "allOf", "oneOf"} & part.keys() for part in parts):
            return False
        return "properties" in schema or any(self._has_members(part) for part in parts)


class Caller:
    """Calls operations by their ids and holds each answer against the description."""

    def __init__(self, contract: Contract, url: str, token: str | None = None):
        self.contract = contract
        self.url = url
        self.token = token
        self.answered: set[tuple[str, int]] = set()
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))

    async def close(self) -> None:
        await self.session.close()

    async def call(self, operation_id: str, status: int = 200, headers: dict | None = None, **options: Any) -> Any:
        """`path` fills the path; all else is aiohttp's. Gives the body: JSON as values, all else as text."""
        verb, path, operation = self.contract.operations[operation_id]
        for name, value in options.pop("path", {}).items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        assert "{" not in path, f"{operation_id}: {path} is not filled"
        headers = dict(headers or {})
        if self.token and "token" in operation["security"][0]:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        async with self.session.request(verb, URL(self.url + path, encoded=True), headers=headers, **options) as response:
            if response.content_type == "text/event-stream":
                text = (await response.content.readuntil(b"\n\n")).decode()
            else:
                text = await response.text(errors="replace")
            assert response.status == status, f"{operation_id}: {response.status} {text[:500]}"
            return self._held(operation_id, response, text)

    def _held(self, operation_id: str, response: aiohttp.ClientResponse, text: str) -> Any:
        what = f"{operation_id} {response.status}"
        answer = self.contract.answer(operation_id, response.status)
        contents = answer["content"]
        assert response.content_type in contents, f"{what}: {response.content_type} is none of {set(contents)}"
        for name in answer.get("headers", {}):
            assert name in response.headers, f"{what} has no {name}"
        schema = contents[response.content_type]["schema"]
        whole = response.content_type in ("application/json", "application/problem+json")
        body = json.loads(text) if whole else text
        self.contract.check(body, schema, what)
        self.answered.add((operation_id, response.status))
        return body
