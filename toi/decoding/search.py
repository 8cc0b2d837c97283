"""Search with torch: beams, diverse groups of beams, and sampling, under constraints on the text.

A batch of sources goes in, and for each the finished candidates come out. Nothing depends on the batch a source is in. A source is
searched until nothing better is to be expected, not until so many candidates are finished: a model that is sure of a long output
finishes many short and bad ones on the way.
"""

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

from toi.decoding.beams import BeamSearch
from toi.decoding.plan import Candidate, Constraints, SearchPlan
from toi.decoding.sampling import sample
from toi.decoding.tensors import Tensors
from toi.models.family import Family


@torch.inference_mode()
def search(
    family: Family,
    model: PreTrainedModel,
    sources: Sequence[Sequence[int]],
    plan: SearchPlan,
    constraints: Constraints | None = None,
) -> list[list[Candidate]]:
    """The candidates of each encoded source, the best first; none where the constraints leave nothing.

    With groups, the best of each group come first, then the second best, and so on.
    """
    steps = family.begin(model, sources)
    constraints = constraints or [()] * len(sources)
    if plan.do_sample:
        return sample(steps, family.end_ids, sources, plan, constraints)
    return BeamSearch(steps, family.end_ids, len(sources), plan, constraints, Tensors()).candidates()
