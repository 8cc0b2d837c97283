"""The very same run again: a checkpoint has everything that the rest of a run depends on, in safetensors and JSON.

    model.checkpoints/step-00000120/tensors.safetensors    weights, optimizer, random states
    model.checkpoints/step-00000120/state.json             the place in the run, its history, its options and data

They stand beside the model folder, which holds the best model or nothing. Nothing is read back that could run code.
"""

import re
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from toi.system.errors import InputError, first_line
from toi.system.files import read_json, replacing_folder, write_json
from toi.training.options import LearningOptions
from toi.training.progress import Progress
from toi.training.state import State

_EIGHT_BITS = "__bnb_optimizer_quant_state__"  # where bitsandbytes puts what is no tensor of the shape of its weight


def checkpoints_of(output_dir: str | Path) -> Path:
    """The folder of a run's checkpoints."""
    folder = Path(output_dir).absolute()
    return folder.with_name(folder.name + ".checkpoints")


def save_checkpoint(state: State) -> Path:
    """Write a checkpoint of the run, and remove all but the newest `save_total_limit`. All processes must call it."""
    folder = checkpoints_of(state.options.output_dir) / f"step-{state.progress.step:08}"
    random = state.accelerator.gather(_random_state(state).unsqueeze(0)).cpu()  # (processes, bytes)
    if state.accelerator.is_main_process:
        if not state.owns_checkpoints:  # those that are there are of a run that is overwritten
            shutil.rmtree(folder.parent, ignore_errors=True)
        tensors = {f"model.{name}": p.detach().cpu() for name, p in _trained(state)}
        for number, values in state.optimizer.optimizer.state_dict()["state"].items():
            flat = {**values, **values.get(_EIGHT_BITS, {})}
            flat.pop(_EIGHT_BITS, None)
            tensors |= {f"optimizer.{number}.{name}": torch.as_tensor(value).cpu() for name, value in flat.items()}
        tensors["random"] = random
        with replacing_folder(folder) as new:
            save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, new / "tensors.safetensors")
            whole = {**state.progress.to_json(), "processes": len(random), "task": _task(state), "run": state.run}
            write_json(new / "state.json", whole)
        for old in _checkpoints(folder.parent)[: -state.options.save_total_limit]:
            shutil.rmtree(old)
    state.owns_checkpoints = True
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
    checkpoints = _checkpoints(checkpoints_of(output_dir))
    if not checkpoints:
        raise InputError(f"{checkpoints_of(output_dir)}: no checkpoint to go on from; leave --resume_from_checkpoint out")
    return checkpoints[-1]


def load_checkpoint(state: State, folder: Path) -> None:
    """Put a run back to where a checkpoint was written.

    Raises InputError if it cannot be read, or is of another run: other options, other data, another number of processes.
    """
    saved = read_json(folder / "state.json")
    try:
        progress = Progress.from_json(saved)
        tensors = load_file(folder / "tensors.safetensors")
        _check_same(folder, saved, state)
        _restore_weights(state, tensors)
        random = tensors["random"][state.accelerator.process_index]
    except InputError:
        raise
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise InputError(f"{folder}: the checkpoint cannot be read ({first_line(error)}); give an older one") from None
    state.progress, state.run, state.owns_checkpoints = progress, saved["run"], True
    _restore_schedule(state)
    _restore_random(state, random)


def _trained(state: State) -> list[tuple[str, torch.nn.Parameter]]:
    """What the run changes, by name: the base of an adapter is only checked to be the same."""
    return [(name, parameter) for name, parameter in state.checkpoint.model.named_parameters() if parameter.requires_grad]


def _restore_weights(state: State, tensors: dict[str, torch.Tensor]) -> None:
    """The weights of the model, and what the optimizer remembers of each."""
    with torch.no_grad():
        for name, parameter in _trained(state):
            parameter.copy_(tensors[f"model.{name}"])
    moments: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, number, moment = name.split(".", 2)
            counts = tensor.ndim == 0 and not tensor.is_floating_point()  # steps, of optimizers that count them so
            moments.setdefault(int(number), {})[moment] = int(tensor) if counts else tensor
    optimizer = state.optimizer.optimizer
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})


def _restore_schedule(state: State) -> None:
    """The learning rate of the step that the run is at."""
    schedule, step = state.schedule, state.progress.step
    schedule.last_epoch = step
    rates = [base * share(step) for base, share in zip(schedule.base_lrs, schedule.lr_lambdas, strict=True)]
    for group, rate in zip(state.optimizer.optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    schedule._last_lr = rates


def _check_same(folder: Path, saved: dict[str, Any], state: State) -> None:
    run, ours = saved["run"], state.run
    # An option that an older version did not have was what is its default now.
    theirs = {option.name: run["options"].get(option.name, option.default) for option in fields(LearningOptions)}
    # Figures of outputs that were searched for in another way say nothing of which model is better.
    held = () if state.judge is None else state.judge.depends_on
    theirs |= {name: run["options"].get(name, ours["options"][name]) for name in held}
    others = sorted(f"--{name}" for name, value in theirs.items() if value != ours["options"][name])
    if others:
        raise InputError(f"{folder}: was made with another {', '.join(others)}; a run goes on with its own")
    for split, fingerprint in ours["data"]["sha256"].items():
        if run["data"]["sha256"].get(split) != fingerprint:
            raise InputError(f"{state.options.data_dir}/{split}.tsv: changed since the checkpoint {folder} was written; train anew")
    if saved.get("task", _task(state)) != _task(state):  # an older version did not keep it
        raise InputError(f"{state.options.data_dir}/task.json: changed since the checkpoint {folder} was written; train anew")
    if any(run.get(model) != ours.get(model) for model in ("base", "reference")):
        raise InputError(f"{state.options.model_name_or_path}: changed since the checkpoint {folder} was written; train anew")
    if saved["processes"] != state.accelerator.num_processes:
        raise InputError(f"{folder}: was made by {saved['processes']} processes, not {state.accelerator.num_processes}")
    if not isinstance(run["history"], list):
        raise TypeError("history is no list")


def _task(state: State) -> dict[str, Any] | None:
    """What stands in the rows beside their texts, and will stand in the model folder."""
    return None if state.task is None else state.task.to_json()


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
