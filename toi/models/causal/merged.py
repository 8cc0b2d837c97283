"""Attention to several stretches of keys, each by torch's own kernel for CPUs, put together by the sums of their exponents.

Scores of all keys side by side would go over the memory for every stretch, and products of few queries in low precision cost a
multiple of the kernel's.
"""

import torch

# Values, mixed: (..., queries, d), and the logarithm of the sum that their weights were divided by: (..., queries).
Mixed = tuple[torch.Tensor, torch.Tensor]
UNSEEN = -1e30  # finite: of what is all unseen comes no number that is none


def attend(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scale: float,
    unseen: torch.Tensor | None = None, *, causal: bool = False,
) -> Mixed:  # fmt: skip
    """One stretch: (rows, heads, queries, d) and twice (rows, heads, length, d), which may be 0.

    With `causal`, a query sees the keys up to its own place, otherwise all, but for those where `unseen` is UNSEEN and not 0: of a
    shape that grows to (rows, heads, queries, length).
    """
    if not keys.shape[2]:  # what torch divides by
        return torch.zeros_like(query), torch.full_like(query[..., 0], -torch.inf, dtype=torch.float32)
    found = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, keys, values, 0.0, causal, attn_mask=unseen, scale=scale
    )
    return found[0], found[1]


def merged(first: Mixed, second: Mixed) -> Mixed:
    """Attention to the keys of both stretches."""
    weight = torch.sigmoid(second[1] - first[1])
    return torch.lerp(first[0], second[0], weight[..., None].to(first[0].dtype)), torch.logaddexp(first[1], second[1])
