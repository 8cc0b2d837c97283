"""Libraries that only some options need, and that may be absent."""

from importlib.util import find_spec

from toi.system.errors import InputError

LORA = "requirements-lora.txt"
DOCUMENTS = "requirements-documents.txt"


def missing(option: str, package: str, file: str = LORA) -> list[str]:
    """A problem if the package that an option needs is not installed. Nothing is imported."""
    return [] if find_spec(package) else [f"{option} needs {package}, which is not installed: pip install -r {file}"]


def require(what: str, package: str, file: str = LORA) -> None:
    """Raise InputError if a package is not installed."""
    for problem in missing(what, package, file):
        raise InputError(problem)
