"""The tokenizer that a prepare script counts with. Nothing heavy is imported unless one is named."""

from toi.data.audit import AuditTokenizer
from toi.data.tasks import HIGHLIGHT


def counting_tokenizer(name: str | None) -> AuditTokenizer | None:
    """The tokenizer of a model (a folder or a name of the hub), `<hl>` being a token of it; None where none is named.

    Raises InputError if there is no such tokenizer.
    """
    if name is None:
        return None
    from toi.models.checkpoint import find, quiet
    from toi.models.tokenizer import load_tokenizer

    quiet()
    tokenizer = load_tokenizer(find(name, weights=False))
    tokenizer.add(HIGHLIGHT)
    return tokenizer
