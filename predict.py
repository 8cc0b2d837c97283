"""Write a model's output for every row of a TSV or of a data folder's split.

    python predict.py --model_name_or_path model --input_file in.tsv --output_file out.tsv
    python predict.py --model_name_or_path model --data_dir data --split test

The input has tab-separated fields: id, source and, if there is one, target. The output has a header and the columns qa_id, input,
target, output, score. Sources are taken as they are: the prepare scripts made them as the model expects. Where the task.json of the
data folder, or for --input_file that of the model, has line_breaks, they are written as \\n, and the output has a column that says
so. A run that was killed goes on where it was when it is started again. Several processes share the rows: accelerate launch ...
"""

import sys

if __name__ == "__main__":  # first: what goes wrong in the other imports is said in a line
    try:
        from toi.system import start
    except ImportError:
        print("predict.py: the package toi is not found: leave out -P, -I and PYTHONSAFEPATH", file=sys.stderr)
        sys.exit(2)
    start.begin()

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from toi.decoding.choice_options import ChoiceOptions
from toi.decoding.options import DecodingOptions
from toi.system.cli import run
from toi.system.options import at_least

if TYPE_CHECKING:
    from typing import Any

    from toi.data.examples import Row
    from toi.decoding.choose import Choosing
    from toi.decoding.predict import Run
    from toi.models.ready import Model


@dataclass
class PredictOptions(ChoiceOptions, DecodingOptions):
    """Write a model's output for every row of a TSV or of a data folder's split."""

    input_file: str | None = None
    """A TSV without header: id, source and, if there is one, target."""
    data_dir: str | None = None
    """A data folder, instead of --input_file. [default: data]"""
    split: Literal["train", "dev", "test"] = "test"
    """The split of the data folder."""
    output_file: str | None = None
    """Where to write. [default: {split}_output.tsv in the model folder]"""
    per_device_eval_batch_size: int | None = None
    """Sources per batch, at most. Changes the speed, not the outputs. [default: 32; 64 without beams]"""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = super().problems() + at_least(self, 1, "per_device_eval_batch_size")
        if self.input_file and self.data_dir:
            problems.append("give --input_file or --data_dir, not both")
        if self.output_file is None and self.input_file:
            problems.append("--input_file needs --output_file")
        if self.swap_average and self.input_file:
            problems.append(
                "--swap_average needs both answers of each row, which a TSV does not have: give the --data_dir, not --input_file"
            )
        if self.calibrate == "dev" and self.input_file:
            problems.append("--calibrate dev needs a --data_dir, not --input_file; what it fits is kept with the model")
        return problems


def main(options: PredictOptions) -> None:
    """Read the rows, predict, write."""
    from toi.data.task_files import keeps_line_breaks
    from toi.models.place import check_model

    options.all_bad_words()  # what is wrong with them is said before the model is loaded
    output = output_of(options)
    line_breaks = keeps_line_breaks(options.model_name_or_path if options.input_file else options.data_dir or "data")
    rows = rows_of(options, line_breaks)
    check_model(options.model_name_or_path, options.tokenizer_name_or_path)
    from toi.models.opening import open_model

    checkpoint = open_model(options.model_name_or_path, options.tokenizer_name_or_path, backend=options.backend)
    if options.input_file and not line_breaks and checkpoint.task is not None and checkpoint.task.line_breaks:
        line_breaks, rows = True, rows_of(options, True)  # a model of the hub, whose task is known only now
    done = predicted(checkpoint, rows, options, output, line_breaks)
    if done is None:  # one of several processes, but not the one that writes
        return
    print(f"wrote {len(rows):,} rows to {output}")
    if done.resumed:
        print(f"{done.resumed:,} of them were there from a run that had been stopped")
    if done.cut:
        limit = options.max_input_length or checkpoint.max_input_length
        cut = f"{done.cut:,} {'source is' if done.cut == 1 else 'sources are'}"
        where = f"{'at' if checkpoint.family.cut == 'end' else 'in'} the {checkpoint.family.cut}"
        print(f"predict.py: warning: {cut} longer than {limit:,} tokens and cut {where}; see --max_input_length", file=sys.stderr)
    print(f"{done.engine or 'nothing was left to do'}; {(len(rows) - done.resumed) / done.seconds:,.1f} examples/s")
    if done.without_output:
        named = ", ".join(done.without_output[:10]) + (", ..." if len(done.without_output) > 10 else "")
        print(
            f"predict.py: warning: no output without a banned word for {len(done.without_output):,} rows: {named}", file=sys.stderr
        )


def predicted(checkpoint: "Model", rows: "list[Row]", options: PredictOptions, output: Path, line_breaks: bool) -> "Run | None":
    """Write what the model writes, or what it chooses if it has choices."""
    from toi.decoding.choose import asks_of, calibrate, choices_of, choose_to_file, open_choosing
    from toi.decoding.decoder import Decoder
    from toi.decoding.jobs import usual_batch_size
    from toi.decoding.predict import predict_to_file

    batch_size, data_dir = options.per_device_eval_batch_size or usual_batch_size(options.num_beams), options.data_dir or "data"
    choices = choices_of(checkpoint, options)
    if not choices:
        return predict_to_file(Decoder(checkpoint), rows, options, batch_size, output, line_breaks=line_breaks)
    asks = asks_of(rows, data_dir, options.split, swap=options.swap_average)
    choosing = open_choosing(checkpoint, choices, options)
    if options.calibrate in ("dev", "contextual"):
        about = calibrate(choosing, options.calibrate, data_dir, batch_size, swap=options.swap_average)
        calibrated(about, choosing)
    return choose_to_file(choosing, rows, asks, batch_size, output, line_breaks=line_breaks)


def calibrated(about: "dict[str, Any]", choosing: "Choosing") -> None:
    """Say what was fitted."""
    fit = choosing.calibration
    assert fit is not None
    biases = ", ".join(f"{name.strip()} {bias:+.3f}" for name, bias in zip(fit.choices, fit.biases, strict=True))
    print(f"calibrated ({fit.method}): temperature {fit.temperature:.3f}, biases {biases}")
    if "log_loss" in about:
        print(f"log loss of {about['rows']:,} rows of dev: {about['log_loss']['before']:.4f} -> {about['log_loss']['after']:.4f}")


def rows_of(options: PredictOptions, line_breaks: bool) -> "list[Row]":
    """The rows to predict. Raises InputError for what cannot be read."""
    from toi.data.examples import read_rows
    from toi.data.pairs import iterate_split

    if options.input_file:
        return read_rows(options.input_file, targets=False, line_breaks=line_breaks)
    return list(iterate_split(options.data_dir or "data", options.split))


def output_of(options: PredictOptions) -> Path:
    """Where the predictions go. Raises InputError if that is not said, or cannot be written to."""
    from toi.system.errors import InputError
    from toi.system.files import check_name, check_writable
    from toi.system.journal import files_of

    if options.output_file is None and not Path(options.model_name_or_path).is_dir():
        raise InputError(f"{options.model_name_or_path}: not a folder to write to; give --output_file")
    output = Path(options.output_file or Path(options.model_name_or_path) / f"{options.split}_output.tsv")
    check_name(output)
    if output.is_dir():
        raise InputError(f"{output}: a folder; --output_file is the name of a file")
    if options.input_file and output.resolve() == Path(options.input_file).resolve():
        raise InputError(f"{output}: --output_file is the --input_file, which would be lost")
    check_writable(output.parent, as_a_whole=False)
    files_of(output)  # a folder may be in their way
    return output


if __name__ == "__main__":
    run(main, PredictOptions)
