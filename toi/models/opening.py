"""A model to write with: at once if it lies ready, else loaded."""

from toi.models.ready import Model, load_noted, ready_model


def open_model(name: str, tokenizer_name: str | None = None, *, backend: str = "auto") -> Model:
    """The model, for a `toi.decoding.decoder.Decoder`; `backend` is that of its `DecodingOptions`.

    Raises InputError if there is no such model, or it cannot be loaded.
    """
    ready = ready_model(name) if tokenizer_name is None and backend != "torch" else None
    return ready or load_noted(name, tokenizer_name)
