"""Outputs drawn at random, the same ones whatever batch they are in."""

import hashlib
import math
from collections.abc import Sequence

import numpy
import torch

from toi.decoding.plan import Candidate, Constraints, SearchPlan
from toi.decoding.scores import advanced, log_probabilities, without_banned
from toi.decoding.tensors import Tensors
from toi.models.family import Steps


def sample(
    steps: Steps, end_ids: Sequence[int], sources: Sequence[Sequence[int]], plan: SearchPlan, constraints: Constraints
) -> list[list[Candidate]]:
    """Candidates of each source, drawn one token at a time, each by random numbers of its own."""
    candidates: list[list[Candidate]] = [[] for _ in sources]
    outputs = [(row, plan.first + number) for row in range(len(sources)) for number in range(plan.samples)]
    random = torch.tensor([random_numbers(plan, number, sources[row]) for row, number in outputs])  # (outputs, max_length)
    endings = [tuple(banned.start for banned in constraints[row]) for row, _ in outputs]
    sums, totals = torch.zeros(len(outputs)), torch.zeros(len(outputs))
    ids = torch.zeros(len(outputs), 0, dtype=torch.long)  # (outputs, length)
    places = torch.tensor([row for row, _ in outputs])  # the source of each output
    arrays, logits = Tensors(), steps.start()
    logits = logits[places.to(logits.device)]
    steps.select(places.numpy())
    for step in range(plan.max_length):
        log_probs, ranked = log_probabilities(arrays, logits, ids.numpy(), plan, end_ids)
        last = step + 1 == plan.max_length
        open_ = without_banned(arrays, ranked, [constraints[row] for row, _ in outputs], endings, end_ids, last)
        tokens = draw(open_, random[:, step].to(open_.device), plan)[:, None]  # (outputs, 1)
        sums = sums + log_probs.gather(1, tokens).squeeze(1).cpu()
        totals = totals + open_.gather(1, tokens).squeeze(1).cpu()  # minus infinity where nothing was open
        ids = torch.cat([ids, tokens.cpu()], dim=1)
        going_on = []
        for i, (row, _) in enumerate(outputs):
            if totals[i] == -math.inf:
                continue
            if int(ids[i, -1]) in end_ids or last:
                written = tuple(ids[i].tolist())
                rank = totals[i].item() / len(written) ** plan.length_penalty
                candidates[row].append(Candidate(written, sums[i].item(), rank))
            else:
                going_on.append(i)
        if not going_on:
            break
        endings = [advanced(constraints[outputs[i][0]], endings[i], int(ids[i, -1])) for i in going_on]
        if len(going_on) < len(outputs):
            kept = torch.tensor(going_on)
            steps.select(kept.numpy())
            ids, sums, totals, random = ids[kept], sums[kept], totals[kept], random[kept]
            outputs = [outputs[i] for i in going_on]
        logits = steps.step(ids[:, -1].numpy())
    return candidates


def random_numbers(plan: SearchPlan, number: int, source: Sequence[int]) -> list[float]:
    """Numbers of [0, 1) that depend on the seed, the source and the number of the sample: not on the batch."""
    digest = hashlib.sha256(numpy.array(source, dtype="<i8").tobytes()).digest()
    words = numpy.frombuffer(digest, dtype="<u4").tolist()
    return numpy.random.default_rng([plan.seed, number, *words]).random(plan.max_length).tolist()


def draw(log_probs: torch.Tensor, random: torch.Tensor, plan: SearchPlan) -> torch.Tensor:
    """One token of each distribution: (outputs, vocabulary), (outputs,) -> (outputs,).

    Temperature first, then the `top_k` most likely, then as many of these as reach `top_p` (Holtzman et al. 2020).
    """
    count = min(plan.top_k or log_probs.shape[1], log_probs.shape[1])
    likely, tokens = log_probs.double().div(plan.temperature).softmax(-1).topk(count)  # (outputs, count), the likeliest first
    likely = likely.nan_to_num()  # where nothing is open
    likely = likely / likely.sum(-1, keepdim=True).clamp_min(1e-300)
    before = likely.cumsum(-1) - likely
    likely = torch.where(before < plan.top_p, likely, 0.0)
    reached = likely.cumsum(-1)
    chosen = (reached <= (random * reached[:, -1])[:, None]).sum(-1).clamp_max(count - 1)
    return tokens.gather(1, chosen[:, None]).squeeze(1)
