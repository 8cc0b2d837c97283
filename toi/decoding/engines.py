"""What computes a search that CTranslate2 does not do: torch, or numpy where importing torch would take longer than the search."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from toi.decoding import ctranslate
from toi.decoding.arrays import Arrays, NumpyArrays
from toi.decoding.beams import BeamSearch
from toi.decoding.options import DecodingOptions
from toi.decoding.plan import Candidate, Constraints, SearchPlan
from toi.models.family import Past, Steps
from toi.models.ready import Model, ReadyModel, ready_model
from toi.system.blas import one_thread
from toi.system.errors import InputError
from toi.system.machine import cores

if TYPE_CHECKING:
    import torch

    from toi.decoding.torch_engine import TorchEngine

# Sources x beams x parameters. Behind it numpy loses more by being slower than it saves by being there (docs/benchmarks.md).
_WORTH_IT = 4 * 10**9


class Engine(Protocol):
    """A model that can be searched in any way. Raises RuntimeError or MemoryError where memory is short."""

    name: str

    def search(self, sources: Sequence[Sequence[int]], plan: SearchPlan, constraints: Constraints) -> list[list[Candidate]]:
        """The candidates of each encoded source, the best first; none where the constraints leave nothing."""
        ...

    def writing(self, source: Sequence[int], past: Past | None = None) -> AbstractContextManager[tuple[Steps, Arrays]]:
        """Inside the block one output of an encoded source can be written, a token at a time."""
        ...

    def free(self) -> None:
        """Give back memory that is not in use."""
        ...


class NumpyEngine:
    """See `Engine`. It draws no samples."""

    name = "numpy float32"

    def __init__(self, model: ReadyModel):
        self._model = model

    def search(self, sources: Sequence[Sequence[int]], plan: SearchPlan, constraints: Constraints) -> list[list[Candidate]]:
        """The candidates of each encoded source."""
        family = self._model.family
        with one_thread():
            steps = family.begin(self._model.arrays, sources)
            return BeamSearch(steps, family.end_ids, len(sources), plan, constraints, NumpyArrays()).candidates()

    @contextmanager
    def writing(self, source: Sequence[int], past: Past | None = None) -> Iterator[tuple[Steps, Arrays]]:
        """Inside this block an output can be written."""
        with one_thread():
            yield self._model.family.begin(self._model.arrays, [source]), NumpyArrays()

    def free(self) -> None:
        """Nothing is kept."""


class Engines:
    """The engines of one model, and its translators: each is made when it is wanted."""

    def __init__(self, checkpoint: Model, device: "torch.device | None" = None):
        """`device`: where a model that is loaded stays, if it is not to be moved."""
        self._checkpoint, self._device = checkpoint, device
        self._torch: dict[str, TorchEngine] = {}  # by compute type
        self._ready = checkpoint if isinstance(checkpoint, ReadyModel) else None
        self._only_torch, self._compute_type = False, "float32"  # what was asked for
        self._translators: dict[str, ctranslate.Translator] = {}

    @cached_property
    def fingerprint(self) -> str:
        """What the model is: its configuration and weights."""
        return self._checkpoint.fingerprint()

    def choose(self, options: DecodingOptions, plan: SearchPlan, sources: int) -> tuple[ctranslate.Translator | None, str]:
        """The translator, or None for what is `of` here; and what searches, in words.

        Raises InputError if the engine asked for cannot do it.
        """
        compute_type = self._take(options)
        reason = self._obstacle(options, plan)
        if reason is None:
            return self._translator(compute_type), f"ctranslate2 {compute_type}"
        return None, self.of(sources, plan).name + (f" ({reason})" if reason else "")

    def _take(self, options: DecodingOptions) -> str:
        """Note what was asked for; the type of the numbers."""
        self._only_torch = options.backend == "torch" or options.compute_type == "bfloat16"
        compute_type = options.compute_type.replace("auto", "float32")
        self._compute_type = compute_type if self._only_torch else "float32"  # int8 is CTranslate2's
        return compute_type

    def streaming(self, options: DecodingOptions, plan: SearchPlan) -> Engine:
        """The quickest one for an output that is shown while it is written, which CTranslate2 does not do here."""
        self._take(options)
        return self.of(1, plan)

    def of(self, sources: int, plan: SearchPlan) -> Engine:
        """The quickest one for so many sources."""
        model = self._ready
        if self._only_torch or model is None or not model.family.computes or plan.do_sample:
            return self.torch
        if sources * plan.beams * model.parameters > _WORTH_IT:
            return self.torch
        return NumpyEngine(model)

    @property
    def torch(self) -> "TorchEngine":
        """Torch's, for which the model is loaded if it was not."""
        if self._compute_type not in self._torch:
            from toi.decoding.torch_engine import TorchEngine

            self._torch[self._compute_type] = TorchEngine(self._checkpoint.loaded, self._device, self._compute_type)
        return self._torch[self._compute_type]

    def _translator(self, compute_type: str) -> ctranslate.Translator:
        if compute_type not in self._translators:
            model = self._checkpoint
            threads = cores() if isinstance(model, ReadyModel) else self.torch.threads
            noted = not isinstance(model, ReadyModel) and model.seen is not None
            self._translators[compute_type] = ctranslate.Translator(model, self.fingerprint, compute_type, threads)
            if noted:  # what is searched again is so by the same engine as it will be the next time
                self._ready = ready_model(model.name)
        return self._translators[compute_type]

    def _obstacle(self, options: DecodingOptions, plan: SearchPlan) -> str | None:
        """Why CTranslate2 does not search, empty where torch was asked for; None where it does."""
        if self._only_torch:
            return ""
        must = options.backend == "ctranslate2" or options.compute_type == "int8"
        device = "cpu" if must or isinstance(self._checkpoint, ReadyModel) else self.torch.device
        if device != "cpu":
            return f"on {device}"
        reason = ctranslate.obstacle(self._checkpoint) if ctranslate.expressible(plan) else "CTranslate2 does not search so"
        if reason is not None and must:
            asked = "--backend ctranslate2" if options.backend == "ctranslate2" else "--compute_type int8"
            raise InputError(f"{asked} is not possible: {reason}; leave it out to use torch")
        return reason
