"""Makes docs/api.md: signatures and docstrings of all that is meant to be used from Python."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import dssmcli
from dssmcli import errors

PUBLIC: dict[str, tuple[str, ...]] = {
    "load": (),
    "Model": (
        *("encode", "encode_query", "encode_title", "encode_blocks", "score", "score_pairs"),
        *("probability", "dim", "side_dim", "share", "powers", "sides_differ"),
        *("threshold", "calibration", "truncated"),
    ),
    "load_index": (),
    "Index": ("search", "nearest", "hits"),
    "Hit": (),
    "load_predictor": (),
    "Predictor": ("predict", "columns", "tasks"),
    "load_recommender": (),
    "Recommender": ("items_for",),
}
"""Names of the package in the order of the page, and of what classes have; the rest of a class is
for the commands, and may change."""
_TYPES = {"Encoder": "Model", "Floats": "NDArray[float32]", "Values": "NDArray[float64]"}
_TYPES |= {r"npt\.NDArray\[np\.float64": "NDArray[float64"}
HEAD = Path(__file__).with_name("api_head.md")


def page() -> str:
    """Return the page."""
    parts = [HEAD.read_text("utf-8").rstrip(), "## Reference"]
    for name, members in PUBLIC.items():
        parts += _entry(name, members)
    parts += ["### Errors", "`dssmcli.errors`", f"```text\n{_drawn(errors.__doc__)}\n```"]
    return "\n\n".join(parts) + "\n"


def _entry(name: str, members: tuple[str, ...]) -> Iterator[str]:
    found = getattr(dssmcli, name)
    if not inspect.isclass(found):
        yield f"### dssmcli.{name}"
        yield _code(f"{name}{signature(found)}")
        yield documented(found)
        return
    yield f"### dssmcli.{name}"
    fields = getattr(found, "_fields", ())
    if fields:
        kinds = get_type_hints(found)
        shown = ", ".join(f"{field}: {kinds[field].__name__}" for field in fields)
        yield _code(f"{name}({shown})")
    yield documented(found)
    for member in members:
        yield from _member(name, member, inspect.getattr_static(found, member))


def _member(owner: str, name: str, found: Any) -> Iterator[str]:
    if isinstance(found, property):
        assert found.fget
        yield _code(f"{owner}.{name} -> {found.fget.__annotations__['return']}")
    else:
        yield _code(f"{owner}.{name}{signature(found)}")
    yield documented(found)


def signature(function: Callable[..., Any]) -> str:
    """Return a signature as it stands in the source, without self."""
    found = inspect.signature(function)
    shown = [str(_plain(each)) for each in found.parameters.values() if each.name != "self"]
    return f"({', '.join(shown)}) -> {found.return_annotation}"


def _plain(parameter: inspect.Parameter) -> str:
    default = parameter.default
    end = "" if default is inspect.Parameter.empty else f" = {default!r}"
    return f"{parameter.name}: {parameter.annotation}{end}"


def documented(found: Any) -> str:
    """Return a docstring as Markdown, its paragraphs unbroken."""
    text = inspect.getdoc(found)
    assert text, f"{found} has no docstring"
    return "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text))


def _drawn(text: str | None) -> str:
    """Return the tree of a docstring: what follows its first paragraph."""
    return inspect.cleandoc(text or "").split("\n\n", 1)[1]


def _code(line: str) -> str:
    """Return a signature as a block, the names of the source's own types told plainly."""
    for own, plain in _TYPES.items():
        line = re.sub(rf"\b{own}\b", plain, line)
    return f"```text\n{line}\n```"
