"""What the loop in `train.py` stands on: precision, optimizer, schedule, validation loss."""

from collections.abc import Sequence

import torch
from accelerate import Accelerator
from transformers import PreTrainedModel

from toi.batching import Encoded, collate, shuffled_batches, sorted_batches
from toi.errors import InputError
from toi.losses import cross_entropy


def mixed_precision(precision: str) -> str:
    """Accelerate's name of a `--precision`; `auto` is bf16 where the machine multiplies in it, else fp32."""
    if precision == "auto":
        fast = torch.cuda.is_bf16_supported() if torch.cuda.is_available() else torch.cpu._is_avx512_bf16_supported()
        return "bf16" if fast else "no"
    return {"fp32": "no", "bf16": "bf16"}[precision]


def make_optimizer(model: PreTrainedModel, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019); no decay on what is not a matrix: norms, biases, position biases."""
    decayed: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        matrix = parameter.ndim >= 2 and "relative_attention_bias" not in name
        (decayed if matrix else others).append(parameter)
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=learning_rate, fused=True)


def linear_schedule(step: int, warmup_steps: int, total_steps: int) -> float:
    """The share of the learning rate at a step: up linearly over the warm-up, then down to 0 at the end."""
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    return max(0.0, (total_steps - step) / max(1, total_steps - warmup_steps))


def optimizer_steps(lengths: Sequence[int], batch_size: int, accumulation: int, seed: int, epoch: int) -> list[list[list[int]]]:
    """The batches of an epoch, in groups that make one step of the optimizer each.

    A step has `batch_size * accumulation` rows; which ones does not depend on how they are cut into batches.
    """
    steps = shuffled_batches(lengths, batch_size * accumulation, seed, epoch)
    return [[rows[i : i + batch_size] for i in range(0, len(rows), batch_size)] for rows in steps]


@torch.no_grad()
def validation_loss(
    model: PreTrainedModel, rows: Sequence[Encoded], batch_size: int, pad_id: int, start_id: int, accelerator: Accelerator
) -> float:
    """The summed cross entropy over `rows` divided by their target tokens: not a mean of batch means."""
    model.eval()
    total = torch.zeros((), dtype=torch.float64, device=accelerator.device)
    batches = sorted_batches([len(row.source) for row in rows], batch_size)
    for indices in batches[accelerator.process_index :: accelerator.num_processes]:
        batch = collate([rows[i] for i in indices], pad_id, start_id)
        with accelerator.autocast():
            logits = model(**batch.inputs(accelerator.device)).logits  # (batch, target, vocab)
        total += cross_entropy(logits, batch.labels.to(accelerator.device))
    model.train()
    return float(accelerator.reduce(total, reduction="sum")) / sum(len(row.target) for row in rows)


def check_finite(loss: float, step: int) -> None:
    """Raise InputError if the loss is not a number any more."""
    if loss != loss or loss in (float("inf"), float("-inf")):
        raise InputError(f"the loss is not finite at step {step}; lower --learning_rate or use --precision fp32")
