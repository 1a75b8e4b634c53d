"""The API's description (OpenAPI 3.1) and the page that shows it."""

import json
import re
from collections.abc import Iterable
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from onlooker.service.openapi import description
from onlooker.service.pages import HERE, fill
from onlooker.service.problems import PREFIX, TYPES
from onlooker.service.site import Site

METHODS = ("get", "post", "delete")


class Reference:
    """The routes ``/openapi.json`` and ``/docs``."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.description = description(site)

    def routes(self) -> list[Route]:
        """Every route, to be put under the application."""
        return [
            Route("/openapi.json", self.openapi, methods=["GET"]),
            Route("/docs", self.docs, methods=["GET"]),
        ]

    async def openapi(self, _: Request) -> Response:
        """The description, for programs."""
        return JSONResponse(self.description)

    async def docs(self, request: Request) -> Response:
        """The description, for people. Whoever opens it may try the API on it, as on the page."""
        template = (HERE / "templates" / "reference.html").read_text("utf-8")
        parts = _parts(self.description, str(request.base_url).rstrip("/"))
        answer = HTMLResponse(fill(template, parts))
        if self.site.settings.serve.website:
            self.site.let_in(request, answer)
        return answer


def _parts(api: dict[str, Any], base: str) -> dict[str, str]:
    info = api["info"]
    groups = [(tag["name"], tag["description"], list(_operations(api, tag["name"]))) for tag in api["tags"]]
    contents = "".join(
        f'<li><a href="#{name.lower()}">{escape(name)}</a><ul>'
        + "".join(f'<li><a href="#{op["operationId"]}">{_line(method, path)}</a></li>' for method, path, op in found)
        + "</ul></li>"
        for name, _, found in groups
    )
    sections = "".join(
        f'<section class="group" id="{name.lower()}"><h2>{escape(name)}</h2><p class="says">{_text(says)}</p>'
        + "".join(_operation(method, path, op, base) for method, path, op in found)
        + "</section>"
        for name, says, found in groups
    )
    schemas = "".join(_schema(name, schema) for name, schema in api["components"]["schemas"].items())
    return {
        "title": escape(info["title"]),
        "version": escape(info["version"]),
        "about": "".join(f"<p>{_text(part)}</p>" for part in info["description"].strip().split("\n\n")),
        "contents": contents,
        "operations": sections,
        "schemas": schemas,
        "problems": _problems(),
    }


def _operations(api: dict[str, Any], group: str) -> Iterable[tuple[str, str, dict[str, Any]]]:
    for path, item in api["paths"].items():
        for method in METHODS:
            if method in item and group in item[method]["tags"]:
                shared = item.get("parameters", [])
                yield method, path, {**item[method], "parameters": shared + item[method].get("parameters", [])}


def _operation(method: str, path: str, operation: dict[str, Any], base: str) -> str:
    name = operation["operationId"]
    says = f'<p class="says">{_text(operation["description"])}</p>' if operation["description"] else ""
    answers = "".join(_answered(status, answer) for status, answer in operation["responses"].items())
    return (
        f'<article class="operation" id="{name}">'
        f'<h3><a href="#{name}">{_line(method, path)}</a></h3>'
        f'<p class="summary">{escape(operation["summary"])}</p>{says}'
        '<div class="columns"><div>'
        f"{_parameters(operation['parameters'])}{_body(operation.get('requestBody'))}"
        f"<h4>Answers</h4><dl class='answers'>{answers}</dl></div>"
        f'<div class="examples">{_code("curl", _CURL[name].replace("BASE", base))}{_example(operation)}</div>'
        "</div></article>"
    )


def _parameters(parameters: list[dict[str, Any]]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        f"<dt><code>{escape(one['name'])}</code> <small>{one['in']}, {_kind(one['schema'])}"
        f"{', required' if one.get('required') else ''}</small></dt>"
        f"<dd>{_text(one.get('description') or one['schema'].get('description', ''))}</dd>"
        for one in parameters
    )
    return f"<h4>Parameters</h4><dl>{rows}</dl>"


def _body(body: dict[str, Any] | None) -> str:
    if body is None:
        return ""
    rows = "".join(
        f"<dt><code>{escape(kind)}</code></dt><dd>{_fields(content['schema'])}</dd>"
        for kind, content in body["content"].items()
    )
    return f"<h4>Body</h4><p>{_text(body.get('description', ''))}</p><dl>{rows}</dl>"


def _fields(schema: dict[str, Any]) -> str:
    """A body's schema in a few words; a form's by its fields."""
    if "properties" not in schema:
        return _kind(schema)
    return ", ".join(f"<code>{name}</code> ({_kind(member)})" for name, member in schema["properties"].items())


def _answered(status: str, answer: dict[str, Any]) -> str:
    content = answer.get("content", {})
    kinds = [_kind(one["schema"]) for kind, one in content.items() if kind == "application/json"]
    other = [f"<code>{escape(kind)}</code>" for kind in content if not kind.endswith("json")]
    problems = [
        f'<a href="#problem-{name}"><code>{name}</code></a>'
        for one in content.values()
        for name in one.get("examples", {})
    ]
    after = " ".join([*kinds, *other, *problems])
    colour = "good" if status < "400" else "bad"
    return f'<dt class="{colour}">{status}</dt><dd>{_text(answer["description"])} {after}</dd>'


def _example(operation: dict[str, Any]) -> str:
    for status, answer in operation["responses"].items():
        for content in answer.get("content", {}).values():
            if "example" in content and status < "400":
                example = content["example"]
                text = example if isinstance(example, str) else _pretty(example)
                return _code(f"{status}", text)
    return ""


def _pretty(example: Any) -> str:
    """JSON, with lists of numbers on one line."""
    text = json.dumps(example, indent=2)
    return re.sub(r"\[[\s\d.,-]+\]", lambda found: f"[{' '.join(found[0][1:-1].split())}]", text)


def _schema(name: str, schema: dict[str, Any]) -> str:
    return (
        f'<article class="schema" id="schema-{name}"><h3><a href="#schema-{name}">{escape(name)}</a></h3>'
        f'<p class="says">{_text(schema["description"])}</p>{_members(schema)}</article>'
    )


def _members(schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = ""
    for name, member in schema["properties"].items():
        inner = f"<dd>{_members(member)}</dd>" if "properties" in member else ""
        optional = "" if name in required else ", optional"
        rows += (
            f"<dt><code>{escape(name)}</code> <small>{_kind(member)}{optional}</small></dt>"
            f"<dd>{_text(member.get('description', ''))}</dd>{inner}"
        )
    return f"<dl>{rows}</dl>"


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#schema-{name}">{name}</a>'
    for several in ("oneOf", "anyOf"):
        if several in schema:
            return " or ".join(_kind(one) for one in schema[several])
    if "enum" in schema:
        shown = [json.dumps(value).replace(PREFIX, "...") for value in schema["enum"]]
        return escape(" | ".join(shown)) if len(shown) < 8 else "one of those below"
    if "const" in schema:
        return escape(json.dumps(schema["const"]))
    if not schema:
        return "anything"
    kind = schema["type"]
    if kind == "array":
        items, exact = _kind(schema["items"]), schema.get("minItems") == schema.get("maxItems", -1)
        return f"{schema['minItems']} x {items}" if exact else f"list of {items}"
    words = {"string": "text", "number": "number", "integer": "whole number", "null": "null", "boolean": "true | false"}
    kinds = [words.get(one, one) for one in ([kind] if isinstance(kind, str) else kind)]
    if kind == "string":
        kinds = [{"binary": "bytes", "date-time": "date and time"}.get(schema.get("format", ""), "text")]
    bounds = [f"{schema[end]:g}" if end in schema else "" for end in ("minimum", "maximum")]
    between = f" {bounds[0]} to {bounds[1]}" if all(bounds) else ""
    return " or ".join(kinds) + between


def _problems() -> str:
    rows = "".join(
        f'<tr id="problem-{name}"><td>{status}</td><td><code>{PREFIX}{name}</code></td><td>{escape(title)}.</td></tr>'
        for name, (status, title) in TYPES.items()
    )
    return f"<table><thead><tr><th>Status</th><th>Type</th><th>Meaning</th></tr></thead><tbody>{rows}</tbody></table>"


def _line(method: str, path: str) -> str:
    parts = re.sub(r"(\{\w+\})", r"<em>\1</em>", escape(path)).replace("/", "/<wbr>")
    return f'<span class="method {method}">{method.upper()}</span> <code>{parts.replace("<wbr>em>", "em>")}</code>'


def _code(label: str, text: str) -> str:
    return (
        f'<figure class="code"><figcaption>{escape(label)}</figcaption>'
        f'<pre tabindex="0" aria-label="{escape(label)}"><code>{escape(text)}</code></pre></figure>'
    )


def _text(text: str) -> str:
    """A sentence with `code` and **words** marked."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", marked)


_CURL = {
    "analyze": "curl --data-binary @people.jpg \\\n  -H 'Content-Type: image/jpeg' \\\n"
    "  'BASE/v1/analyze?name=people.jpg'",
    "newJob": "curl --data-binary @people.jpg \\\n  -H 'Content-Type: image/jpeg' \\\n"
    "  -H 'Idempotency-Key: 5f2c' \\\n  'BASE/v1/jobs?keep=true'",
    "job": "curl BASE/v1/jobs/$ID",
    "deleteJob": "curl -X DELETE BASE/v1/jobs/$ID",
    "jobEvents": "curl -N BASE/v1/jobs/$ID/events",
    "jobPicture": "curl -o people.jpg BASE/v1/jobs/$ID/picture",
    "newUpload": 'curl --json \'{"name": "people.jpg"}\' \\\n  BASE/v1/uploads',
    "storeForm": 'curl -F "key=$KEY" -F "x-amz-meta-job=$JOB" \\\n'
    '  -F "policy=$POLICY" -F "signature=$SIGNATURE" \\\n  -F file=@people.jpg BASE/v1/store',
    "stored": 'curl -OJ "BASE$SIGNED_ADDRESS"',
    "healthz": "curl BASE/healthz",
    "readyz": "curl BASE/readyz",
    "metrics": "curl BASE/metrics",
}
"""How each operation is called; a test holds that none is missing."""
