"""The versions that a result may depend on."""

import importlib.metadata
import platform

_LIBRARIES = ("torch", "transformers", "accelerate", "datasets", "tokenizers", "sentencepiece", "neologdn", "sacrebleu")


def versions() -> dict[str, str]:
    """The versions that a result may depend on."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in _LIBRARIES}}
