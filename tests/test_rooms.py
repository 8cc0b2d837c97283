"""The house: imports go down the rooms only, nothing is longer than it may be, and what a model is stands in its family alone."""

import ast
import io
import tokenize
from pathlib import Path

import pytest
from conftest import ROOT

# From the top to the bottom; rooms on the same floor know nothing of each other.
FLOORS = [{"page"}, {"talking", "documents"}, {"scoring"}, {"training", "decoding"}, {"models"}, {"data"}, {"text"}, {"system"}]
PACKAGE = sorted((ROOT / "toi").rglob("*.py"))
SCRIPTS = sorted(ROOT.glob("*.py"))
WRITTEN = [*PACKAGE, *SCRIPTS, *sorted((ROOT / "benchmarks").glob("*.py")), *sorted((ROOT / "metrics").rglob("*.py"))]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in PACKAGE}


def imported(path: Path) -> set[str]:
    """The modules of the package that a file imports anywhere: in functions and for types too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {
                f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in MODULES else node.module for alias in node.names
            }
    return {name for name in names if name.startswith("toi.")}


def floor_of(name: str) -> int:
    return next(i for i, rooms in enumerate(FLOORS) if name.split(".")[1] in rooms)


def test_imports_go_down_the_rooms_only():
    wrong = []
    for name, path in MODULES.items():
        for other in imported(path) if name.count(".") > 1 else ():
            same_room = name.split(".")[1] == other.split(".")[1]
            if not same_room and floor_of(other) <= floor_of(name):
                wrong.append(f"{name} -> {other}")
    assert not wrong


def test_no_circle():
    graph = {name: imported(path) for name, path in MODULES.items()}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join([*above, name])
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_importing_a_room_imports_nothing():
    for path in PACKAGE:
        if path.name == "__init__.py":
            body = ast.parse(path.read_text(encoding="utf-8")).body
            assert all(isinstance(node, (ast.Expr, ast.Assign)) for node in body), path


def length(node: ast.AST) -> int:
    return node.end_lineno - node.lineno + 1


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_too_long(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 300
    long = [
        f"{node.name}: {length(node)} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and length(node) > (120 if isinstance(node, ast.ClassDef) else 50)
    ]
    assert not long


def code_of(path: Path) -> str:
    """The names and the texts of a file, without comments and docstrings."""
    text = path.read_text(encoding="utf-8")
    documentation = {
        node.body[0].lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and node.body and ast.get_docstring(node) is not None
    }
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return "\n".join(token.string for token in tokens if token.type != tokenize.COMMENT and token.start[0] not in documentation)


def test_what_a_model_is_stands_in_its_family():
    for path in [*PACKAGE, *SCRIPTS]:
        place = path.relative_to(ROOT).as_posix()
        if place.startswith("toi/models/t5/") or path.name in ("options.py", "members.py", "quick_members.py"):
            continue
        code = code_of(path).lower()
        assert "decoder_start_token_id" not in code, place
        assert "t5" not in code.replace("sonoisa/t5-base-japanese", ""), place
