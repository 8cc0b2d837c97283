"""The families that there are."""

from transformers import PretrainedConfig

from toi.models.causal.family import CausalFamily
from toi.models.family import Family
from toi.models.t5.family import T5Family

FAMILIES: tuple[type[Family], ...] = (T5Family, CausalFamily)


def family_of(config: PretrainedConfig) -> type[Family] | None:
    """The family of a model with this configuration; None if it is of none."""
    return next((family for family in FAMILIES if family.knows(config)), None)
