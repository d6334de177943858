"""What all pages have in common: one file of HTML that needs no other, no script, no network."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --faint: #444; --line: #888;
  --grid: #e3e5e8; --warn: #b30000; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e4e6ea; --paper: #15181c; --faint: #b3b9c1; --line: #7c848e;
    --grid: #2c3138; --warn: #ff8f85; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 80rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin-top: 2rem; overflow-wrap: anywhere; }
p, ul { max-width: 46rem; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--faint); padding-bottom: .3rem; }
th, td { padding: .25rem .5rem; text-align: right; font-weight: normal; }
th[scope="row"], th.name { text-align: left; max-width: 22rem; overflow-wrap: break-word; }
thead th { border-bottom: 1px solid var(--line); }
@media print {
  body { margin: 0; max-width: none; font-size: 12px; }
  h2, h3, thead { break-after: avoid; } tr, figure { break-inside: avoid; }
  .scroll { overflow: visible; }
}
"""


def document(title: str, style: str, body: Iterable[str]) -> str:
    """Return a page: its title as a text, what is added to the style, the lines of its body."""
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escaped(title)}</title>",
        f"<style>{_STYLE}{style}</style>",
        "</head>",
        "<body>",
        f"<h1>{escaped(title)}</h1>",
        *body,
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Return a text as HTML: nothing in it is markup, and what cannot be shown is replaced."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))
