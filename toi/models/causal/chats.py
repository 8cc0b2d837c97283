"""Texts of a chat template -> ids.

Prompts have the ids of `apply_chat_template`: the template alone says where a sequence begins, and its special tokens are these.
In what users and models say, no special token is read, whatever characters it holds (`toi.data.chat.APART`).
"""

from collections.abc import Sequence

from toi.data.chat import APART, ChatTemplate
from toi.models.tokenizer import Tokenizer, without_whole
from toi.system.errors import InputError


class Chat:
    """A chat template, for a tokenizer. Raises InputError if the tokenizer lacks the token that ends a response."""

    def __init__(self, tokenizer: Tokenizer, template: ChatTemplate):
        self._tokenizer, self._template = tokenizer, template
        known, end = tokenizer.fast.get_added_vocab(), template.form.end
        if end and end not in known:
            raise InputError(f"the tokenizer does not have {end}, which ends a response in the chat template of the task")
        self.end_id = known[end] if end else tokenizer.eos_id
        self._special = sorted(token.content for token in tokenizer.fast.added_tokens_decoder.values() if token.special)
        self._foreign = [token for token in self._special if token not in template.markers]  # which the template does not write

    def __repr__(self) -> str:
        return f"{self._template} {self.end_id}"

    def prompts(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of sources: those of the whole text where nothing in it is to be kept apart."""
        parts = [[part for text_ in text.split(APART) for part in without_whole(self._foreign, text_)] for text in texts]
        encoded = iter(self._read([part for of_text in parts for part in of_text]))
        batch = []
        for of_text in parts:
            ids: list[int] = []
            for i, part in enumerate(of_text):
                of_part = next(encoded)
                ids += self._tokenizer.going_on(part, of_part) if i else of_part
            batch.append(ids)
        return batch

    def _read(self, texts: list[str]) -> list[list[int]]:
        """The ids as `apply_chat_template` has them of what it has rendered."""
        return [list(ids) for ids in self._tokenizer.fast(texts, add_special_tokens=False).input_ids] if texts else []

    def responses(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of targets, without their end: they go on behind a prompt, where no word begins but behind a space."""
        before, behind, *_ = self._template.form
        texts = [f"{before}{text}{behind}" for text in texts]
        batch = self._tokenizer.encode_batch(texts)
        for i, text in enumerate(texts):
            parts = without_whole(self._special, text)
            apart = len(parts) > 1
            batch[i] = self._tokenizer.encode_parts(["", *parts]) if apart else self._tokenizer.going_on(text, batch[i])
        return batch
