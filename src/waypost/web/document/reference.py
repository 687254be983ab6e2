"""The OpenAPI document as one plain HTML page: no script, nothing fetched from elsewhere."""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --accent: #0b6bcb; }
@media (prefers-color-scheme: dark) { :root { --accent: #6cb6ff; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .4rem 0; }
summary { cursor: pointer; display: flex; flex-wrap: wrap; gap: .25rem .75rem; padding: .5rem .75rem; }
summary:hover { background: var(--soft); }
details > div { border-top: 1px solid var(--line); overflow-x: auto; padding: .5rem .75rem 1rem; }
.method { color: var(--accent); font-weight: 700; min-width: 4rem; }
code, pre { font: .9rem/1.45 ui-monospace, monospace; }
code { overflow-wrap: anywhere; } pre { background: var(--soft); border-radius: .4rem; padding: .75rem; }
.says { margin-left: auto; opacity: .75; } td, th { padding: .15rem 1rem .15rem 0; text-align: left; }
"""


@dataclass(frozen=True, slots=True)
class ReferencePage:
    """The page, and the digest that lets its one style through the content security policy."""

    html: str
    style_digest: str


def page(document: dict[str, Any]) -> ReferencePage:
    """The page of a document."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return ReferencePage("".join(_lines(document)), digest)


def _lines(document: dict[str, Any]) -> Iterator[str]:
    info = document["info"]
    yield '<!doctype html><html lang="en"><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(info['title'])} API</title><style>{STYLE}</style><main>"
    yield f"<h1>{escape(info['title'])} API <small>{escape(info['version'])}</small></h1>"
    yield f'<p>{escape(info["summary"])} The whole document: <a href="/openapi.json">/openapi.json</a></p>'
    for tag, operations in _by_tag(document).items():
        yield f"<h2>{escape(tag)}</h2>"
        for path, method, operation in operations:
            yield from _operation(document, path, method, operation)
    yield "</main></html>"


def _by_tag(document: dict[str, Any]) -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
    found: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = next(iter(operation.get("tags", [])), "Other")
            found.setdefault(tag, []).append((path, method, operation))
    return dict(sorted(found.items()))


def _operation(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f'<details><summary><span class="method">{method.upper()}</span><code>{escape(path)}</code>'
    yield f'<span class="says">{escape(operation.get("summary", ""))}</span></summary><div>'
    yield from _parameters(operation)
    body = operation.get("requestBody", {}).get("content", {})
    for media_type, content in body.items():
        yield f"<p>Body, <code>{escape(media_type)}</code></p>"
        yield _schema(document, content.get("schema", {}))
    yield "<table><tr><th>Status</th><th>Answer</th></tr>"
    for status, response in operation["responses"].items():
        yield f"<tr><td>{escape(str(status))}</td><td>{escape(response.get('description', ''))}</td></tr>"
    yield "</table></div></details>"


def _parameters(operation: dict[str, Any]) -> Iterator[str]:
    parameters = operation.get("parameters", [])
    if not parameters:
        return
    yield "<table><tr><th>Parameter</th><th>In</th><th></th></tr>"
    for parameter in parameters:
        words = parameter.get("description", "") or ("required" if parameter.get("required") else "")
        yield f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{escape(parameter['in'])}</td>"
        yield f"<td>{escape(words)}</td></tr>"
    yield "</table>"


def _schema(document: dict[str, Any], schema: dict[str, Any]) -> str:
    name = schema.get("$ref", "").rpartition("/")[2]
    shown = document["components"]["schemas"].get(name, schema)
    return f"<pre>{escape(json.dumps(shown, indent=2, ensure_ascii=False))}</pre>"
