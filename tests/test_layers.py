"""The layering of architecture: who may import whom, and what nobody may import."""

from __future__ import annotations

import ast
from pathlib import Path

import dssmcli

PACKAGE = Path(dssmcli.__file__).parent
# A room may import its own and those listed.
BELOW = {
    "errors": set(),
    "file_kinds": set(),
    "text_encodings": set(),
    "atomic": {"errors"},
    "config": {"errors"},
    "presets": {"errors", "config"},
    "rec_config": {"errors", "config"},
    "youtube_config": {"errors", "config"},
    "neighbours": set(),
    "metrics": {"errors"},
    "rankings": {"errors", "metrics"},
    "weighted": {"metrics"},
    "bootstrap": {"metrics", "weighted"},
    "calibration": {"metrics"},
    "run": {"errors", "file_kinds"},
    "workplace": {"errors", "atomic", "run"},
    "text": {"errors", "atomic", "config", "run", "metrics", "file_kinds", "text_encodings"},
    "data": {
        *("errors", "atomic", "config", "run", "metrics", "text", "file_kinds", "text_encodings"),
    },
    "models": {"errors", "config", "rec_config", "youtube_config", "text"},
    "serving": {
        *("errors", "atomic", "config", "run", "metrics", "rankings", "text", "data"),
        *("weighted", "bootstrap", "calibration", "rec_config", "youtube_config", "neighbours"),
        *("__init__", "file_kinds"),
    },
    "export": {"errors", "atomic", "config", "run", "text", "serving", "__init__"},
    "training": {
        *("errors", "config", "presets", "run", "metrics", "rankings", "text", "data", "models"),
        *("atomic", "calibration", "__init__", "rec_config", "youtube_config", "neighbours"),
        *("weighted", "bootstrap"),
    },
    "pace": set(),
    "display": {"errors", "pace"},
    "commands": {
        *("errors", "atomic", "config", "presets", "run", "display", "text", "data", "serving"),
        *("pace", "training", "export", "bootstrap", "rec_config", "youtube_config", "workplace"),
        "__init__",
    },
    "cli": {"errors", "commands", "__init__"},
    "__main__": {"cli"},
    "__init__": {"serving"},
}
HEAVY = {"torch", "jieba", "sentencepiece", "sklearn", "scipy"}
FORBIDDEN_NAMES = {"utils.py", "common.py", "helpers.py", "base.py"}


def room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> list[tuple[str, bool]]:
    """Return (module, at module level) of every import."""
    tree = ast.parse(path.read_text("utf-8"))
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    top = {id(node) for node in tree.body}
    found = []
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [(name, id(node) in top) for name in names]
    return found


FILES = sorted(PACKAGE.rglob("*.py"))


def test_imports_point_downward_only() -> None:
    for path in FILES:
        for module, _ in imports(path):
            parts = module.split(".")
            if parts[0] != "dssmcli":
                continue
            target = parts[1] if len(parts) > 1 else "__init__"
            target = (
                target
                if (PACKAGE / target).is_dir() or (PACKAGE / f"{target}.py").exists()
                else "__init__"
            )
            allowed = BELOW[room(path)] | {room(path)}
            assert target in allowed, f"{path.relative_to(PACKAGE)} imports {module}"


def test_torch_is_imported_only_where_models_learn() -> None:
    for path in FILES:
        if room(path) in ("models", "training"):
            continue
        for module, _ in imports(path):
            assert module.split(".")[0] not in HEAVY, f"{path} imports {module}"
            if room(path) == "serving":
                assert module.split(".")[1:2] not in (["models"], ["training"])


def test_commands_import_only_click_and_light_modules_at_the_top() -> None:
    light = {"click", "dssmcli.errors", "dssmcli.config", "dssmcli.presets", "dssmcli.commands"}
    light |= {"dssmcli.rec_config", "dssmcli.youtube_config"}
    for path in FILES:
        if room(path) != "commands":
            continue
        for module, top in imports(path):
            outside = module.split(".")[0] in ("numpy", "rich", "safetensors")
            if top and (module.startswith("dssmcli") or outside):
                assert any(module.startswith(name) for name in light), f"{path}: {module}"


def test_rich_is_imported_only_by_the_display_and_pickle_by_nobody() -> None:
    for path in FILES:
        for module, _ in imports(path):
            assert module.split(".")[0] not in ("pickle", "marshal", "shelve", "dill"), path
            assert module.split(".")[0] != "rich" or path.name == "display.py", path
        assert "(torch.load(" not in path.read_text("utf-8").replace(" ", "("), path


def test_matplotlib_is_imported_only_by_the_drawing_and_when_a_figure_is_asked_for() -> None:
    for path in FILES:
        for module, top in imports(path):
            if module.split(".")[0] == "matplotlib":
                assert path.name == "drawing.py" and not top, f"{path} imports {module}"


def test_every_file_says_what_it_is_for_and_none_is_a_drawer() -> None:
    for path in FILES:
        assert path.name not in FORBIDDEN_NAMES
        assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), path
