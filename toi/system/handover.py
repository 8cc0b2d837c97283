"""Our evaluate.py has the name of a library of Hugging Face, and shadows it for whatever runs in this folder.

So the script gives what it does not have itself from the installed library: `import evaluate; evaluate.load("rouge")` works
here as everywhere, and importing the script alone still loads nothing.
"""

import importlib.util
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any


def from_library(module: str, file: str, name: str) -> Any:
    """The attribute `name` of the installed library that the module in `file` shadows.

    The library takes the module's place in `sys.modules` when something of it is asked for. Raises AttributeError if it has
    no such attribute, or is not installed.
    """
    known = sys.modules.get(module)
    if known is not None and getattr(known.__spec__, "origin", None) != _origin(file):
        return getattr(known, name)  # the library is in place; somebody still holds our module
    # Python asks modules for many dunder names; only these are asked for by people who want the library.
    if name == "__path__" and not _wants_submodule():
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    if name.startswith("__") and name not in ("__path__", "__version__"):
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    spec = _library(module, file)
    if spec is None or module == "__main__":
        hint = f" (this is {file}; the library {module} is not installed: pip install {module})"
        raise AttributeError(f"module {module!r} has no attribute {name!r}{hint}")
    return getattr(_load(module, spec), name)


def _wants_submodule() -> bool:
    """Whether `__path__` is asked for by `import evaluate.loading`; `from evaluate import load` only looks whether there is one."""
    return sys._getframe(3).f_globals.get("__name__") == "importlib._bootstrap"


def _origin(file: str) -> str:
    return str(Path(file).resolve())


def _library(module: str, file: str) -> ModuleSpec | None:
    """Where the library is: the first module of this name on `sys.path` that is not in our own folder."""
    ours = Path(file).resolve().parent
    return PathFinder.find_spec(module, [entry for entry in sys.path if Path(entry or ".").resolve() != ours])


def _load(module: str, spec: ModuleSpec) -> Any:
    library = importlib.util.module_from_spec(spec)
    ours = sys.modules[module]
    sys.modules[module] = library
    try:
        assert spec.loader is not None
        spec.loader.exec_module(library)
    except BaseException:
        sys.modules[module] = ours
        raise
    return library
