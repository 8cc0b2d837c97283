"""The log-probabilities of choices behind sources, by `toi.models.family.Steps`: each source is read once."""

from collections.abc import Sequence

import numpy
import torch
from transformers import PreTrainedModel

from toi.models.choices import ChoiceTokens
from toi.models.family import Family


@torch.inference_mode()
def log_probs_of_choices(
    family: Family, model: PreTrainedModel, sources: Sequence[Sequence[int]], choices: ChoiceTokens
) -> numpy.ndarray:
    """The sum over the counted tokens of each choice, in nats and double precision: (sources, choices).

    Choices that begin alike share the steps of what they begin with; those of one token take none but the source's.
    """
    steps = family.begin(model, sources)
    total = numpy.zeros((len(sources), len(choices.counted)))
    logits = steps.start()  # (outputs, vocabulary): at first an output is a source
    levels = choices.levels
    for depth, written in enumerate(levels):
        if depth:
            before = [levels[depth - 1].index(ids[:-1]) for ids in written]
            parents = numpy.arange(len(sources))[:, None] * len(levels[depth - 1]) + numpy.array(before)
            steps.select(parents.reshape(-1))
            logits = steps.step(numpy.tile([ids[-1] for ids in written], len(sources)))
        next_of = [(i, written.index(ids[:depth]), ids[depth]) for i, ids in enumerate(choices.counted) if len(ids) > depth]
        which, nodes, tokens = map(list, zip(*next_of, strict=True))
        logits = logits.float().reshape(len(sources), len(written), -1)
        chosen = logits[:, nodes, tokens] - logits.logsumexp(-1)[:, nodes]  # (sources, choices that have a token here)
        total[:, which] += chosen.cpu().double().numpy()
    return total
