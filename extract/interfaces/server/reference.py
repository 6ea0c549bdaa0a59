"""The page at `/docs`: the OpenAPI description as plain HTML.

FastAPI's own page loads its scripts from another host.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any

from extract.interfaces.server import page

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tripack: API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{style}">
</head>
<body>
<main class="reference">
"""


def html(openapi: dict[str, Any]) -> str:
    """The page of an OpenAPI document: each operation with its body, an example and its answers."""
    info, schemas = openapi["info"], openapi.get("components", {}).get("schemas", {})
    parts = [
        _HEAD.format(style=page.style_address()),
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>\n",
        f"<p>{escape(info['description'])} The same for programs: "
        '<a href="/openapi.json">/openapi.json</a>. <a href="/">Try it</a>.</p>\n',
    ]
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            parts.append(_operation(path, method.upper(), operation))
    parts.append("<section><h2>Schemas</h2>\n")
    parts.extend(_details(name, schema) for name, schema in sorted(schemas.items()))
    parts.append("</section>\n</main>\n</body>\n</html>\n")
    return "".join(parts)


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    parts = [
        f"<section>\n<h2>{escape(method)} {escape(path)}</h2>\n",
        f"<p>{escape(operation.get('summary', ''))}</p>\n",
    ]
    body = operation.get("requestBody", {}).get("content", {})
    for kind, content in body.items():
        schema = content["schema"]
        for example in schema.get("examples", ()):
            parts.append(
                f"<h3>Example</h3>\n<pre>{escape(_curl(path, method, kind, example))}</pre>\n"
            )
        parts.append(f"<h3>Body: {escape(kind)}</h3>\n{_fields(schema)}")
    parts.append("<h3>Answers</h3>\n<table>\n")
    for status, answer in operation["responses"].items():
        names = ", ".join(_names(answer))
        parts.append(
            f"<tr><td>{escape(status)}</td><td>{escape(answer['description'])}</td>"
            f"<td>{escape(names)}</td></tr>\n"
        )
    return "".join([*parts, "</table>\n</section>\n"])


def _curl(path: str, method: str, kind: str, example: Any) -> str:
    return (
        f"curl -X {method} -H 'content-type: {kind}' -d '{json.dumps(example)}' http://HOST{path}"
    )


def _fields(schema: dict[str, Any]) -> str:
    rows = [
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(_kind(own))}</td>"
        f"<td>{escape(own.get('description', ''))}</td></tr>\n"
        for name, own in schema["properties"].items()
    ]
    return f"<table>\n{''.join(rows)}</table>\n"


def _kind(schema: dict[str, Any]) -> str:
    """A type in words: "number or null", "array of object with id, text"."""
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        return f"array of {_kind(schema['items'])}"
    if schema.get("type") == "object":
        return f"object with {', '.join(schema['properties'])}"
    return str(schema.get("type", "any"))


def _names(node: Any) -> list[str]:
    """The names of the schemas that a description refers to."""
    if isinstance(node, dict):
        own = [node["$ref"].rpartition("/")[2]] if "$ref" in node else []
        return own + [name for each in node.values() for name in _names(each)]
    return [name for each in node for name in _names(each)] if isinstance(node, list) else []


def _details(name: str, schema: dict[str, Any]) -> str:
    text = escape(json.dumps(schema, indent=1, ensure_ascii=False))
    return f"<details><summary>{escape(name)}</summary><pre>{text}</pre></details>\n"
