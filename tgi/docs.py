"""``/docs`` and ``/api-doc/openapi.json``: the interface's description, and a plain page that lists it."""

import json
from functools import cache
from html import escape
from pathlib import Path

DOCUMENT = Path(__file__).parent / "openapi.json"
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
td {{ border-top: 1px solid #8886; padding: .4rem .8rem .4rem 0; vertical-align: top }}
</style>
<h1>{title} {version}</h1>
<p>The whole description, for programs and for API browsers: <a href="/api-doc/openapi.json">openapi.json</a>.</p>
<table>
{rows}
</table>
</html>
"""
ROW = "<tr><td>{method}<td><code>{path}</code><td>{summary}<td>{statuses}</tr>"


@cache
def document() -> bytes:
    """The OpenAPI document, as JSON."""
    return DOCUMENT.read_bytes()


@cache
def page() -> str:
    """The routes, what each does, and the statuses it answers with, as HTML that needs nothing else."""
    described = json.loads(document())
    rows = [
        ROW.format(
            method=method.upper(),
            path=escape(path),
            summary=escape(operation.get("summary", "")),
            statuses=", ".join(operation["responses"]),
        )
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    ]
    info = described["info"]
    return PAGE.format(title=escape(info["title"]), version=escape(info["version"]), rows="\n".join(rows))
