"""Search with CTranslate2: a model is converted once, and kept beside its folder.

What is kept is keyed by the SHA-256 of the weights as they are in memory, so that other weights are never mistaken for it.
Token ids are given as they are (the tokens of the converted model are called "0", "1", ...), so that only our tokenizer turns
text into ids.
"""

import hashlib
import json
import math
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from toi.decoding.search import NO_MEMORY, Candidate, Plan, out_of_memory, start_id
from toi.models.checkpoint import Checkpoint
from toi.models.t5 import decoder as t5_decoder
from toi.system.errors import InputError
from toi.system.files import replacing_folder

_FEWEST = 12  # smaller batches are slower than what is waited for
_KEY = "toi.json"  # beside the converted weights: what they were made from


def obstacle(checkpoint: Checkpoint) -> str | None:
    """Why CTranslate2 cannot run this model here; None if it can."""
    try:
        import ctranslate2  # noqa: F401
    except ImportError as error:
        return f"ctranslate2 is not installed ({error}); pip install ctranslate2"
    config = checkpoint.model.config
    if not t5_decoder.knows(checkpoint.model):
        return f"a {config.model_type} model is not converted, only T5 and mT5"
    from ctranslate2.converters.transformers import _SUPPORTED_ACTIVATIONS

    if config.dense_act_fn not in _SUPPORTED_ACTIVATIONS:
        return f"it does not know the activation {config.dense_act_fn}"
    return None


def expressible(plan: Plan) -> bool:
    """Whether CTranslate2 finds exactly what our own search finds (tests/decoding/test_ctranslate.py).

    With a length penalty, or for several outputs, it stops as soon as so many candidates are finished: a model that is
    sure of a long output finishes short and bad ones first, and its best is not among them.
    """
    plain = plan.repetition_penalty == 1 and not plan.no_repeat_ngram_size and plan.length_penalty == 0
    return plain and not plan.do_sample and plan.groups == 1 and plan.num_hypotheses == 1


class Row(Protocol):
    """A source in tokens, and how to search."""

    ids: list[int]
    plan: Plan


R = TypeVar("R", bound=Row)


class Translator:
    """A converted model, ready to search."""

    def __init__(self, checkpoint: Checkpoint, compute_type: str, threads: int):
        """`threads` batches are searched at the same time, each by one thread: faster than many threads for one batch."""
        import ctranslate2

        ctranslate2.set_log_level(40)  # errors only
        folder = converted(checkpoint)
        self._threads = threads
        self._translator = ctranslate2.Translator(
            str(folder), device="cpu", compute_type=compute_type, inter_threads=threads, intra_threads=1, max_queued_batches=-1
        )

    def fair_size(self, rows: int, batch_size: int) -> int:
        """How many rows to put in a batch: at most `batch_size`, and few enough that no thread waits long for another."""
        return min(batch_size, max(_FEWEST, math.ceil(rows / (4 * self._threads))))

    def search_batches(self, batches: Iterable[list[R]]) -> Iterator[tuple[list[R], list[list[Candidate]]]]:
        """The candidates of batches of rows, which have `ids` and a `plan`; several batches are under way at a time."""
        running: deque[tuple[list[R], list[Any]]] = deque()
        for batch in batches:
            running.append((batch, self._start(batch)))
            if len(running) > 2 * self._threads:
                yield from self._end(*running.popleft())
        while running:
            yield from self._end(*running.popleft())

    def _start(self, batch: Sequence["Row"]) -> list[Any]:
        plan = batch[0].plan
        return self._translator.translate_batch(
            [[str(i) for i in row.ids] for row in batch],
            asynchronous=True, beam_size=plan.beams, num_hypotheses=plan.num_hypotheses, length_penalty=plan.length_penalty,
            max_decoding_length=plan.max_length, min_decoding_length=1, max_input_length=0, return_scores=True,
            return_end_token=True,
        )  # fmt: skip

    def _end(self, batch: list[R], running: list[Any]) -> Iterator[tuple[list[R], list[list[Candidate]]]]:
        """The candidates of a batch, or of its halves where memory is short."""
        try:
            results = [future.result() for future in running]
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if len(batch) == 1:
                raise InputError(NO_MEMORY) from error
            half = len(batch) // 2
            for part in (batch[:half], batch[half:]):
                yield from self._end(part, self._start(part))
            return
        yield batch, [[_candidate(*pair, batch[0].plan) for pair in zip(r.hypotheses, r.scores, strict=True)] for r in results]


def _candidate(tokens: Sequence[str], score: float, plan: Plan) -> Candidate:
    ids = tuple(map(int, tokens))
    return Candidate(ids, score * len(ids) ** plan.length_penalty, score)


def converted(checkpoint: Checkpoint) -> Path:
    """The folder of the converted model, made if it is not there or was made from other weights.

    It is `MODEL.ctranslate2` beside the model folder, or a folder in the user's cache where that cannot be written.
    Raises InputError if neither can be.
    """
    import ctranslate2

    key = f"ctranslate2 {ctranslate2.__version__}, {fingerprint(checkpoint)}"
    folder = _place(checkpoint, key)
    if _key_of(folder) != key:
        with replacing_folder(folder, leaving=("*",)) as new:
            _convert(checkpoint, new)
            (new / _KEY).write_text(json.dumps({"key": key}) + "\n", encoding="utf-8")
    return folder


def fingerprint(checkpoint: Checkpoint) -> str:
    """The SHA-256 of the configuration and the weights of a model, as they are in memory."""
    config = checkpoint.model.config
    digest = hashlib.sha256(json.dumps(config.to_dict(), sort_keys=True, default=str).encode())
    for name, tensor in sorted(checkpoint.model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.detach().contiguous().cpu().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _place(checkpoint: Checkpoint, key: str) -> Path:
    model = Path(checkpoint.name)
    if model.is_dir():
        folder = model.resolve()
        if os.access(folder.parent, os.W_OK | os.X_OK):
            return folder.with_name(f"{folder.name}.ctranslate2")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "toi" / f"ctranslate2-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _key_of(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / _KEY).read_text(encoding="utf-8"))["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not there, or not whole: it is made anew


def _convert(checkpoint: Checkpoint, folder: Path) -> None:
    from ctranslate2.converters.transformers import T5Loader
    from ctranslate2.specs.model_spec import OPTIONAL

    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    spec = T5Loader().get_model_spec(model.cpu())
    # The loader goes by tie_word_embeddings, which transformers 5 sets for models, too, that do not scale (v1.1, mT5).
    spec.decoder.scale_outputs = model.config.d_model**-0.5 if t5_decoder.scales_outputs(model) else OPTIONAL
    names = [str(i) for i in range(model.get_input_embeddings().weight.shape[0])]
    spec.register_source_vocabulary(names)
    spec.register_target_vocabulary(names)
    spec.config.bos_token = spec.config.decoder_start_token = str(start_id(model))
    spec.config.eos_token = str(tokenizer.eos_id)
    spec.config.unk_token = str(tokenizer.unk_id if tokenizer.unk_id is not None else tokenizer.pad_id)
    spec.config.layer_norm_epsilon = model.config.layer_norm_epsilon
    spec.validate()
    spec.optimize(quantization=None)
    spec.save(str(folder))
