"""What a run prints."""

from toi.training.samples import FILE, output_lines, sample_lines
from toi.training.state import State


def headline(state: State) -> str:
    """What the run is, and the head of the table."""
    parameters = sum(p.numel() for p in state.checkpoint.model.parameters()) / 1e6
    precision = state.accelerator.mixed_precision.replace("no", "fp32")
    figures = "".join(f"{name.removeprefix('reward_'):>13}" for name in state.figures)
    speed = "pairs/s" if "margin" in state.figures else "rows/s"
    lines = []
    if state.sampler is not None:
        where = f"{state.options.output_dir}/{FILE}"
        lines = [f"samples of dev; what the model writes for them stands below each validation, and in {where}:"]
        lines += sample_lines(state.sampler.samples)
    lines.append(
        f"{parameters:.1f}M parameters, {state.plan}, precision {precision}, "
        f"on {state.accelerator.device}\n{'epoch':>5}{'step':>8}{'train loss':>12}{'dev loss':>12}{figures}{speed:>9}"
    )
    return "\n".join(lines)


def table_row(state: State, better: bool) -> str:
    """The last validation, as a row of the table, with what was written for the samples below."""
    last = state.run["history"][-1]
    train_loss = "" if last["train_loss"] is None else f"{last['train_loss']:.4f}"
    figures = "".join(f"{last[name]:>13.4f}" for name in state.figures)
    losses = f"{train_loss:>12}{last['eval_loss']:>12.4f}"
    row = f"{last['epoch']:>5}{last['step']:>8,}{losses}{figures}{last['rows_per_second']:>9.1f}" + ("  saved" if better else "")
    outputs = [] if state.sampler is None else output_lines(state.sampler.samples, last["samples"])
    return "\n".join([row, *outputs])


def postfix(state: State) -> dict[str, str]:
    """What the progress bar shows beside the time left; right behind a validation there is no loss yet."""
    loss, rate = state.progress.train_loss, state.schedule.get_last_lr()[0]
    shown = {} if loss is None else {"loss": f"{loss:.4f}"}
    shown |= {"lr": f"{rate:.1e}", "tokens/s": f"{state.pace.of(state.pace.tokens) or 0:,.0f}"}
    return shown | ({"skipped": str(state.progress.skipped)} if state.progress.skipped else {})
