"""The very same run again: a checkpoint has everything that the rest of a run depends on, in safetensors and JSON.

    model.checkpoints/step-00000120/tensors.safetensors    weights, optimizer, random states
    model.checkpoints/step-00000120/state.json             the place in the run, its history, its options and data

They stand beside the model folder, which holds the best model or nothing. Nothing is read back that could run code.
"""

import re
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from toi.system.errors import InputError
from toi.system.files import read_json, replacing_folder, write_json
from toi.training.state import State

# Options that do not change what is learnt.
_FREE = {
    "do_train", "do_eval", "overwrite_output_dir", "resume_from_checkpoint", "save_steps", "save_total_limit",
    "report_to", "push_to_hub", "hub_model_id",
    "per_device_eval_batch_size", "num_beams", "length_penalty", "repetition_penalty", "no_repeat_ngram_size", "bad_words",
}  # fmt: skip
_NUMBERS = ("epoch", "step", "steps_of_epoch_done", "waited", "skipped", "skipped_in_a_row", "loss_sum", "tokens", "seen")


def checkpoints_of(output_dir: str | Path) -> Path:
    """The folder of a run's checkpoints."""
    folder = Path(output_dir).absolute()
    return folder.with_name(folder.name + ".checkpoints")


def save_checkpoint(state: State) -> Path:
    """Write a checkpoint of the run, and remove all but the newest `save_total_limit`. All processes must call it."""
    folder = checkpoints_of(state.options.output_dir) / f"step-{state.step:08}"
    random = state.accelerator.gather(_random_state(state).unsqueeze(0)).cpu()  # (processes, bytes)
    if state.accelerator.is_main_process:
        tensors = {f"model.{name}": p.detach().cpu() for name, p in state.checkpoint.model.named_parameters()}
        for number, values in state.plain_optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": torch.as_tensor(value).cpu() for name, value in values.items()}
        tensors["random"] = random
        place = {name: getattr(state, name) for name in _NUMBERS}
        with replacing_folder(folder) as new:
            save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, new / "tensors.safetensors")
            write_json(new / "state.json", {**place, "processes": len(random), "run": state.run})
        for old in _checkpoints(folder.parent)[: -state.options.save_total_limit]:
            shutil.rmtree(old)
    state.accelerator.wait_for_everyone()
    return folder


def _checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the oldest first."""
    return sorted(path for path in folder.glob("step-*") if re.fullmatch(r"step-\d{8,}", path.name))


def find_checkpoint(name: str, output_dir: str) -> Path:
    """The folder of `--resume_from_checkpoint`: `auto` is the newest of the run. Raises InputError if there is none."""
    if name != "auto":
        if not (Path(name) / "state.json").is_file():
            raise InputError(f"{name}: no checkpoint there (no state.json); give its folder, or auto")
        return Path(name)
    found = _checkpoints(checkpoints_of(output_dir))
    if not found:
        raise InputError(f"{checkpoints_of(output_dir)}: no checkpoint to go on from; leave --resume_from_checkpoint out")
    return found[-1]


def load_checkpoint(state: State, folder: Path) -> None:
    """Put a run back to where a checkpoint was written.

    Raises InputError if it cannot be read, or is of another run: other options, other data, another number of processes.
    """
    saved = read_json(folder / "state.json")
    try:
        tensors = load_file(folder / "tensors.safetensors")
    except (SafetensorError, OSError) as error:
        raise InputError(f"{folder}: the checkpoint cannot be read ({error}); give an older one") from None
    _check_same(folder, saved, state)
    with torch.no_grad():
        for name, parameter in state.checkpoint.model.named_parameters():
            parameter.copy_(tensors[f"model.{name}"])
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, number, moment = name.split(".", 2)
            moments.setdefault(int(number), {})[moment] = tensor
    groups = state.plain_optimizer.state_dict()["param_groups"]
    state.plain_optimizer.load_state_dict({"state": moments, "param_groups": groups})
    for name in _NUMBERS:
        setattr(state, name, saved[name])
    state.run = saved["run"]
    state.schedule.last_epoch = state.step
    rates = [base * share(state.step) for base, share in zip(state.schedule.base_lrs, state.schedule.lr_lambdas, strict=True)]
    for group, rate in zip(state.plain_optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    state.schedule._last_lr = rates
    _restore_random(state, tensors["random"][state.accelerator.process_index])


def _check_same(folder: Path, saved: dict[str, Any], state: State) -> None:
    def differing(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
        return sorted(name for name in a.keys() | b.keys() if name not in _FREE and a.get(name) != b.get(name))

    options = differing(saved["run"]["options"], state.run["options"])
    if options:
        raise InputError(
            f"{folder}: was made with another {', '.join('--' + name for name in options)}; a run goes on with its own"
        )
    for split in differing(saved["run"]["data"]["sha256"], state.run["data"]["sha256"]):
        raise InputError(f"{state.options.data_dir}/{split}.tsv: changed since the checkpoint {folder} was written; train anew")
    if saved["processes"] != state.accelerator.num_processes:
        raise InputError(f"{folder}: was made by {saved['processes']} processes, not {state.accelerator.num_processes}")


def _random_state(state: State) -> torch.Tensor:
    """The random state that dropout draws from, as bytes, on the device of the run."""
    device = state.accelerator.device
    bytes_ = torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()
    return bytes_.to(device)


def _restore_random(state: State, bytes_: torch.Tensor) -> None:
    if state.accelerator.device.type == "cuda":
        torch.cuda.set_rng_state(bytes_, state.accelerator.device)
    else:
        torch.set_rng_state(bytes_)


def remove_checkpoints(output_dir: str | Path) -> None:
    """Remove the checkpoints of an earlier run in the same place."""
    shutil.rmtree(checkpoints_of(output_dir), ignore_errors=True)
