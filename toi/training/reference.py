"""What the reference of a loss of pairs says: the log-probabilities of all answers, by the model that training begins with.

They are computed once, before training, so that no second model is in memory; a new adapter changes nothing yet, so that the model
below it is the reference. They are kept where the token ids are (toi/training/encoded.py), by what the model and the ids are, and
all that decides on their last digits. They may be removed at any time.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy
import torch
from accelerate import Accelerator
from tqdm import tqdm

from toi.models.checkpoint import Checkpoint
from toi.system.errors import InputError
from toi.system.files import check_writable, read_json, replacing_folder, sha256, write_json
from toi.training.encoded import TokenRows, cache_folder
from toi.training.options import TrainingOptions
from toi.training.paired import PairRows
from toi.training.preference import log_probabilities

_FORMAT = 2
_NUMBERS, _ABOUT = "log_probabilities.npy", "about.json"


def note_reference(
    options: TrainingOptions, accelerator: Accelerator, checkpoint: Checkpoint, model_sha256: str, splits: Mapping[str, TokenRows]
) -> None:
    """Give the pairs of each split their reference: what is kept of an earlier run, else computed by the model as it is now.

    `model_sha256` is that of the model, before it got tokens for the data. All processes must call it. Raises InputError if the
    cache cannot be written.
    """
    size = options.per_device_eval_batch_size
    shared = [pairs.contexts is not None for pairs in splits.values()]
    tokens = len(checkpoint.tokenizer)  # new ones have embeddings that follow from the others
    how = tokens, accelerator.mixed_precision, accelerator.device.type, size, shared, options.torch_compile
    for split, pairs in splits.items():
        assert isinstance(pairs, PairRows)
        about = f"reference {_FORMAT} {model_sha256} {pairs.fingerprint()} {how}"
        folder = cache_folder(hashlib.sha256(about.encode()))
        known = _read(folder, len(pairs))
        lacking = torch.tensor(float(known is None), device=accelerator.device)
        if known is None or float(accelerator.reduce(lacking, reduction="sum")):
            known = _computed(accelerator, checkpoint, split, pairs, size)
            if accelerator.is_main_process:
                _write(folder, known)
        pairs.reference = known


@torch.no_grad()
def _computed(accelerator: Accelerator, checkpoint: Checkpoint, split: str, pairs: PairRows, size: int) -> numpy.ndarray:
    """(pairs, 2). Batches are those of a validation, so that before the first step nothing has gained anything."""
    family, model = checkpoint.family, checkpoint.model
    found = torch.zeros(len(pairs), 2, device=accelerator.device)
    was_training = model.training
    model.eval()
    mine = pairs.batches(pairs.widths(family), size)[accelerator.process_index :: accelerator.num_processes]
    for indices in tqdm(mine, f"reference, {split}", leave=False, disable=None if accelerator.is_main_process else True):
        batch = family.collate(pairs.encoded(indices)).to(accelerator.device)
        with accelerator.autocast():
            logits, labels = family.logits(model, batch, packed=True)
        found[indices] = log_probabilities(logits, labels, batch).view(-1, 2)
    model.train(was_training)
    return accelerator.reduce(found, reduction="sum").cpu().numpy()


def _write(folder: Path, numbers: numpy.ndarray) -> None:
    check_writable(folder.parent)
    with replacing_folder(folder) as new:
        numpy.save(new / _NUMBERS, numbers, allow_pickle=False)
        write_json(new / _ABOUT, {"sha256": sha256(new / _NUMBERS)})


def _read(folder: Path, pairs: int) -> numpy.ndarray | None:
    """What is kept in a folder, (pairs, 2); None if it is not there, or damaged."""
    try:
        if read_json(folder / _ABOUT)["sha256"] != sha256(folder / _NUMBERS):
            return None
        numbers = numpy.load(folder / _NUMBERS, allow_pickle=False)
    except (InputError, OSError, ValueError, KeyError, TypeError):
        return None
    return numbers if numbers.shape == (pairs, 2) and numbers.dtype == numpy.float32 else None
