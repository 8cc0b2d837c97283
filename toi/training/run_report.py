"""What a person reads of a training run: `log.csv`, `training.png`, and the model card `README.md`."""

import csv
import io
from pathlib import Path
from typing import Any

from toi.data.tasks import Task
from toi.data.tsv import escape
from toi.system.files import replacing
from toi.training.options import LOSSES, METRICS, PAIR_FIGURES, PAIR_LOSSES

_SHOWN = """
num_train_epochs max_steps per_device_train_batch_size gradient_accumulation_steps learning_rate optim lr_scheduler_type loss
precision seed max_input_length max_target_length
""".split()
_WHERE_GIVEN = ("token_mask_probability", "neftune_noise_alpha")
_OF_ADAPTERS = ("lora_r", "lora_alpha", "lora_dropout", "lora_target_modules", "load_in_4bit", "load_in_8bit", "model_dtype")
_COLUMNS = ("epoch", "step", "train_loss", "eval_loss", "learning_rate")  # nothing that another run of the same seed would not give


def metric_of(run: dict[str, Any]) -> str | None:
    """What decided which model was kept, where it was not the validation loss."""
    metric = run["options"].get("metric_for_best_model", "eval_loss")  # older runs do not say
    return None if metric == "eval_loss" else metric


def figures_of(history: list[dict[str, Any]]) -> list[str]:
    """What validations found beside the loss."""
    return [name for name in (*PAIR_FIGURES, *METRICS) if history and name in history[0]]


def write_log(folder: str | Path, history: list[dict[str, Any]]) -> None:
    """Write `log.csv`: a row for each validation."""
    columns = list(_COLUMNS)
    behind = columns.index("eval_loss") + 1
    columns[behind:behind] = figures_of(history)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(history)
    with replacing(Path(folder) / "log.csv") as file:
        file.write(text.getvalue())


def draw_training(folder: str | Path, run: dict[str, Any]) -> None:
    """Draw `training.png`: train and validation loss over the steps, the best validation marked, the learning rate below.

    Other figures stand between them: what decided, and of pairs how many are told right, margins and rewards.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    history = run["history"]
    steps = [entry["step"] for entry in history]
    panels = [[name] for name in figures_of(history) if name in ("accuracy", *METRICS)]
    panels += [list(PAIR_FIGURES[1:])] if PAIR_FIGURES[1] in figures_of(history) else []
    figure = Figure(figsize=(7, 5 + 1.5 * len(panels)), layout="constrained")
    heights = (3, *(1.5 for _ in panels), 1)
    losses, *between, rates = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    trained = [(entry["step"], entry["train_loss"]) for entry in history if entry["train_loss"] is not None]
    losses.plot(*zip(*trained, strict=True), marker=".", label="train (mean since the validation before)")
    losses.plot(steps, [entry["eval_loss"] for entry in history], marker=".", label="validation")
    best = f"best: epoch {run['best_epoch']}, loss {run['eval_loss']:.4f}"
    losses.plot([run["best_step"]], [run["eval_loss"]], "o", markersize=10, fillstyle="none", color="black", label=best)
    losses.set_ylabel(f"loss per {_counted(run)}")
    losses.set_ylim(bottom=0)
    losses.legend(frameon=False)
    for axis, names in zip(between, panels, strict=True):
        _draw_figures(axis, run, names)
    rates.plot(steps, [entry["learning_rate"] for entry in history], marker=".", color="gray")
    rates.set_ylabel("learning rate")
    rates.ticklabel_format(axis="y", scilimits=(0, 0))
    rates.set_xlabel("step")
    for axis in (losses, *between, rates):
        axis.spines[["top", "right"]].set_visible(False)
    path = Path(folder) / "training.png"
    FigureCanvasAgg(figure).print_png(str(path), metadata={"Software": None})


def _draw_figures(axis: Any, run: dict[str, Any], names: list[str]) -> None:
    """One figure from 0 on, with the best model marked where that decided; or several in one panel."""
    steps = [entry["step"] for entry in run["history"]]
    for i, name in enumerate(names, start=1):
        axis.plot(steps, [entry[name] for entry in run["history"]], marker=".", color=f"C{i}", label=name.replace("_", ", "))
    if len(names) > 1:
        axis.set_ylabel("reward")
        axis.axhline(0, linewidth=0.5, color="gray")
        axis.legend(frameon=False)
        return
    if names == [metric_of(run)]:
        axis.plot([run["best_step"]], [run["best_metric"]], "o", markersize=10, fillstyle="none", color="black")
    axis.set_ylabel(names[0])
    axis.set_ylim(bottom=0)


def _counted(run: dict[str, Any]) -> str:
    """What a loss is a mean over."""
    loss = run["options"].get("loss")
    return "pair" if loss in PAIR_LOSSES else "row" if loss == "choice" else "target token"


def _options_shown(options: dict[str, Any]) -> list[str]:
    """The names of the options that a model card gives."""
    of_adapters = _OF_ADAPTERS if options.get("lora_r") else ()
    names = (*_SHOWN, *LOSSES.get(options["loss"], ()), *of_adapters)
    return [name for name in names if options.get(name) is not None] + [name for name in _WHERE_GIVEN if options.get(name)]


def write_model_card(folder: str | Path, run: dict[str, Any], task: Task | None, data: dict[str, Any], label: str) -> None:
    """Write `README.md`, with the front matter that the Hugging Face hub reads. `label`: the kind of model."""
    options = run["options"]
    adapted = bool(options.get("lora_r"))  # older runs do not say
    library = "peft" if adapted and not options["merge_adapter"] else "transformers"
    lines = ["---", "language: ja", f"library_name: {library}", f"tags: [toi, {label.lower()}]"]
    lines += [f"base_model: {options['model_name_or_path']}"] if not Path(options["model_name_or_path"]).exists() else []
    lines += ["---", "", f"# {Path(folder).absolute().name}", ""]
    lines.append(
        f"A {label} fine-tuned with Toi from `{options['model_name_or_path']}`"
        + (" (from scratch)." if options["from_scratch"] else ".")
    )
    if task is not None:
        source, target = (escape(t) if task.line_breaks else t for t in (task.source_template, task.target_template))
        lines += ["", f"Task `{task.name}`: `{source}` -> `{target}`", ""]
        example = "--answer 甲府市" if task.asks else "--question 山梨県の県庁所在地はどこですか?"
        example += " --context 山梨県の県庁所在地は甲府市です。"
        if task.instructs:
            example = "--prompt 山梨県の県庁所在地はどこですか?"
        lines += ["```", f"python generate.py --model_name_or_path {Path(folder)} {example}", "```"]
    lines += ["", "## Data", "", f"{data.get('name', options['data_dir'])}, licence: {data.get('license', 'unknown')}."]
    if "counts" in data:
        lines[-1] += " Rows: " + ", ".join(f"{split} {count:,}" for split, count in data["counts"].items()) + "."
    metric = metric_of(run)
    chosen = "" if metric is None else f" by `{metric}` on dev ({run['best_metric']:.4f})"
    lines += [
        "",
        "## Training",
        "",
        f"Best epoch {run['best_epoch']}{chosen}, validation loss per {_counted(run)} {run['eval_loss']:.4f}.",
        "",
    ]
    if any("samples" in entry for entry in run.get("history", [])):
        lines[-1:] = ["", "What it wrote for some rows of dev as it learnt stands in [samples.md](samples.md).", ""]
    lines += ["| option | value |", "| --- | --- |", *(f"| {name} | {options[name]} |" for name in _options_shown(options))]
    scored = {split: figures for split, figures in run.get("metrics", {}).items() if isinstance(figures, dict)}
    if scored:
        names = list(next(iter(scored.values())))
        lines += ["", "## Scores", "", "| split | " + " | ".join(names) + " |", "| --- |" + " --- |" * len(names)]
        for split, figures in scored.items():
            lines.append("| " + " | ".join([split, *(f"{figures[name]:.4f}" for name in names)]) + " |")
        lines += ["", "Signatures are in `results.json`."]
    with replacing(Path(folder) / "README.md") as file:
        file.write("\n".join(lines) + "\n")
