"""What two token sequences share: n-grams, and longest common subsequences by bit-parallel arithmetic."""

from collections import Counter
from collections.abc import Hashable, Sequence


def ngrams(tokens: Sequence[str], n: int) -> Counter[Hashable]:
    """How often each n-gram occurs. A slice of a string is an n-gram of characters, else it is a tuple of tokens."""
    if isinstance(tokens, str) or n == 1:
        return Counter([tokens[i : i + n] for i in range(len(tokens) - n + 1)] if isinstance(tokens, str) else tokens)
    return Counter(zip(*(tokens[i:] for i in range(n)), strict=False))


def shared(ours: Counter[Hashable], theirs: Counter[Hashable]) -> int:
    """The size of the intersection of two multisets."""
    if len(ours) > len(theirs):
        ours, theirs = theirs, ours
    return sum([min(count, theirs[item]) for item, count in ours.items() if item in theirs])


def lcs_length(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of a longest common subsequence.

    A row of the table of lengths rises by 0 or 1 from one column to the next, so it is kept as the bits of one integer
    (a bit is 0 where it rises) and a whole row is computed by one addition (Crochemore et al. 2001; Hyyrö 2004).
    """
    if len(one) > len(other):
        one, other = other, one
    rows = _rows(one, other, keep=False)
    return len(one) - rows[-1].bit_count()


def lcs_indices(reference: Sequence[str], candidate: Sequence[str]) -> list[int]:
    """The indices in `reference` of one longest common subsequence.

    Of several, the one that `rouge_score` finds: from the ends of both, it goes back in the candidate only where that
    keeps a strictly longer one than going back in the reference.
    """
    rows = _rows(candidate, reference, keep=True)  # rows[i]: the first i tokens of the reference, a bit per candidate token
    i, j = len(reference), len(candidate)
    indices = []
    while i and j:
        if reference[i - 1] == candidate[j - 1]:
            indices.append(i - 1)
            i, j = i - 1, j - 1
            continue
        low = (1 << j) - 1
        # The lengths for (i, j-1) and (i-1, j), each the number of rises up to there.
        back_in_candidate = (j - 1) - (rows[i] & (low >> 1)).bit_count()
        back_in_reference = j - (rows[i - 1] & low).bit_count()
        if back_in_candidate > back_in_reference:
            j -= 1
        else:
            i -= 1
    return indices[::-1]


def _rows(columns: Sequence[str], rows: Sequence[str], *, keep: bool) -> list[int]:
    """The rows of the table of lengths as bits, the one before the first token of `rows` first; only the last unless `keep`."""
    places: dict[str, int] = {}
    for bit, token in enumerate(columns):
        places[token] = places.get(token, 0) | (1 << bit)
    everything = (1 << len(columns)) - 1
    row = everything
    kept = [row]
    for token in rows:
        at = row & places.get(token, 0)
        row = ((row + at) | (row - at)) & everything
        if keep:
            kept.append(row)
    return kept if keep else [row]


def union_lcs_hits(references: Sequence[Sequence[str]], candidates: Sequence[Sequence[str]]) -> int:
    """How many tokens of the reference sentences are in the union of their LCSs with the candidate sentences.

    A token is not counted more often than the candidate has it (ROUGE-1.5.5's clipping of the summary-level LCS of Lin 2004, 3.2).
    """
    if len(references) == len(candidates) == 1:
        return lcs_length(references[0], candidates[0])
    left: Counter[str] = Counter(token for sentence in candidates for token in sentence)
    hits = 0
    for reference in references:
        union = {i for candidate in candidates for i in lcs_indices(reference, candidate)}
        for i in sorted(union):
            if left[reference[i]] > 0:
                left[reference[i]] -= 1
                hits += 1
    return hits
