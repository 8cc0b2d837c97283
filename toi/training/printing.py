"""What a run prints."""

from toi.training.state import State


def headline(state: State) -> str:
    """What the run is, and the head of the table."""
    parameters = sum(p.numel() for p in state.checkpoint.model.parameters()) / 1e6
    precision = state.accelerator.mixed_precision.replace("no", "fp32")
    figures = "".join(f"{name.removeprefix('reward_'):>13}" for name in state.figures)
    speed = "pairs/s" if "margin" in state.figures else "rows/s"
    return (
        f"{parameters:.1f}M parameters, {state.plan}, precision {precision}, "
        f"on {state.accelerator.device}\n{'epoch':>5}{'step':>8}{'train loss':>12}{'dev loss':>12}{figures}{speed:>9}"
    )


def table_row(state: State) -> str:
    """The last validation, as a row of the table."""
    last = state.run["history"][-1]
    train_loss = "" if last["train_loss"] is None else f"{last['train_loss']:.4f}"
    figures = "".join(f"{last[name]:>13.4f}" for name in state.figures)
    losses = f"{train_loss:>12}{last['eval_loss']:>12.4f}"
    return f"{last['epoch']:>5}{last['step']:>8,}{losses}{figures}{last['rows_per_second']:>9.1f}"


def postfix(state: State) -> dict[str, str]:
    """What the progress bar shows beside the time left."""
    loss, rate = state.progress.train_loss, state.schedule.get_last_lr()[0]
    shown = {
        "loss": f"{float('nan') if loss is None else loss:.4f}",
        "lr": f"{rate:.1e}",
        "tokens/s": f"{state.pace.of(state.pace.tokens) or 0:,.0f}",
    }
    return shown | ({"skipped": str(state.progress.skipped)} if state.progress.skipped else {})
