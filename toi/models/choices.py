"""Choices as tokens: what is to be written for each, and up to where it counts.

The probability of a choice is that the model's output begins with its tokens; of a choice whose tokens begin those of another, that
the output ends behind them. So no output counts for two choices, and nothing is asked of a model that never learnt to end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from toi.models.family import Family, Limits
from toi.system.errors import InputError

_ROOM = Limits(64, 1 << 16)  # tokens: no choice is cut


@dataclass(frozen=True)
class ChoiceTokens:
    """The ids of each choice: `counted` has an end of sequence only where it decides, `whole` as a target of training has it."""

    names: tuple[str, ...]
    counted: tuple[tuple[int, ...], ...]
    whole: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, family: Family, names: Sequence[str]) -> "ChoiceTokens":
        """The ids of choices. Raises InputError where the tokenizer makes nothing of one, or the same of two."""
        rows = [family.encode(["-"], [name], _ROOM)[0] for name in names]
        whole = [tuple(row.target) for row in rows]
        plain = [ids[:-1] if ids[-1:] and ids[-1] in family.end_ids else ids for ids in whole]
        for i, ids in enumerate(plain):
            if not ids:
                raise InputError(f"choices: the tokenizer makes nothing of {names[i]!r}; give another")
            if (first := plain.index(ids)) != i:
                raise InputError(f"choices: {names[first]!r} and {names[i]!r} have the same tokens; give others")
        begins = [any(other[: len(ids)] == ids and other != ids for other in plain) for ids in plain]
        counted = [(*ids, family.end_ids[0]) if ends else ids for ids, ends in zip(plain, begins, strict=True)]
        return cls(tuple(names), tuple(counted), tuple(whole))

    @property
    def ways(self) -> int:
        """How often a source is asked where whole choices are: once for each, but once for all where each is one token."""
        return 1 if all(len(ids) == 1 for ids in self.counted) else len(self.counted)

    def place(self, target: Sequence[int]) -> int:
        """Which choice a target of training is. Raises ValueError for one that is none."""
        return self.whole.index(tuple(target))

    @property
    def levels(self) -> list[list[tuple[int, ...]]]:
        """What has been written where a token of a choice is to come, by its length: the first level is nothing at all."""
        longest = max(map(len, self.counted))
        return [list(dict.fromkeys(ids[:length] for ids in self.counted if len(ids) > length)) for length in range(longest)]
