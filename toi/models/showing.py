"""A row of ids as the model sees it, for a person to look at."""

from typing import TYPE_CHECKING

from toi.data.tsv import escape

if TYPE_CHECKING:
    from toi.models.batches import Encoded
    from toi.models.tokenizer import Tokenizer


def shown(tokenizer: "Tokenizer", row: "Encoded") -> str:
    """The row in a line, special tokens and all, line breaks as `\\n`; what carries loss stands between ⟦ and ⟧."""
    source, target = (tokenizer.fast.decode(ids, clean_up_tokenization_spaces=False) for ids in (row.source, row.target))
    return escape(f"{source}⟦{target}⟧")
