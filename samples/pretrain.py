"""Make the weights of `samples/base/` and `samples/base-causal/`: a small T5 and a small Llama that have read invented Japanese,
can copy what they read, and can ask.

    python samples/vocabulary.py
    python samples/pretrain.py --steps 16000 --work_dir /tmp/pretraining --minutes 30
    python samples/pretrain.py --steps 16000 --work_dir /tmp/pretraining            (goes on)
    python samples/pretrain.py --steps 40000 --work_dir /tmp/more --go_on           (reads on, from the base that is there)
    python samples/pretrain.py --architecture llama --steps 8000 --work_dir /tmp/causal

The text comes from `reading.py`: no table of facts is read here, so no fact of the sample's train, dev or test split is in it. A run
stops by itself after `--minutes`, or on Ctrl-C, and the same command goes on; the batches are those of a run in one piece. `--steps` may be
changed as long as the last `--decay_steps`, in which the learning rate falls, have not begun. Copying comes late in training, so the
weights start near it: see `start_near_copying` in `t5_base.py` and `llama_base.py`, where all that the two differ in stands.
"""

import argparse
import json
import math
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import torch
import transformers

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import llama_base
import t5_base
from dictionary import real_words
from reading import Encoder, batches

from toi.system.memory import keep_memory
from toi.training.optimizer import mixed_precision

WARM_UP, REPORT, SAVE = 200, 200, 500  # steps
ARCHITECTURES: dict[str, Any] = {"t5": t5_base, "llama": llama_base}
_NO_MATRICES = ("shared", "relative", "embed_tokens")  # in the names of what looks things up, which Muon is not for


class Run:
    """A pretraining under way: model, optimizers, and how far it is."""

    def __init__(self, args: argparse.Namespace):
        self.args, self.kind = args, ARCHITECTURES[args.architecture]
        keep_memory()
        torch.manual_seed(args.seed)
        torch.set_num_threads(args.threads)
        if not (args.output_dir / "spiece.model").is_file():  # one vocabulary serves both
            args.output_dir.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(HERE / "base" / "spiece.model", args.output_dir / "spiece.model")
        self.encode = Encoder(args.output_dir)
        self.model = self.kind.make_model(self.kind.vocabulary_size(self.encode), args)
        matrices, others = [], []
        for name, parameter in self.model.named_parameters():
            inside = parameter.ndim == 2 and not any(part in name for part in _NO_MATRICES)
            (matrices if inside else others).append(parameter)
        self.peaks = (args.muon_learning_rate, args.learning_rate)
        self.optimizers: list[Any] = [
            torch.optim.Muon(matrices, lr=self.peaks[0], weight_decay=0.0),
            torch.optim.AdamW(others, lr=self.peaks[1], betas=(0.9, 0.98), weight_decay=0.0, fused=True),
        ]
        self.step, self.begun, self.seconds = 0, 0, 0.0
        self.log: list[dict[str, Any]] = []
        self.pieces: list[dict[str, Any]] = []  # where a run went on, and with which options
        self.autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed_precision("auto") == "bf16")
        self.kind.speed_up(self.model)
        checkpoint = args.work_dir / "checkpoint.pt"
        if checkpoint.is_file():
            state = torch.load(checkpoint, weights_only=True)
            self.model.load_state_dict(state["model"])
            for optimizer, of_optimizer in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(of_optimizer)
            self.step, self.begun, self.seconds = state["step"], state["begun"], state["seconds"]
            self.log, self.pieces = state["log"], state["pieces"]
        elif args.go_on:  # with optimizers that begin anew, and layers and units that the base has not
            self.kind.grow(self.model, type(self.model).from_pretrained(args.output_dir, dtype=torch.float32))
            about = json.loads((args.output_dir / "pretraining.json").read_text())
            self.step, self.log, self.pieces = about["steps_done"], about["log"], about["pieces"]
            self.begun, self.seconds = self.step, self.log[-1]["minutes"] * 60
        left_out = ("architecture", "output_dir", "work_dir", "minutes", "threads", "go_on")
        options = {k: list(v) if isinstance(v, tuple) else v for k, v in vars(args).items() if k not in left_out}
        if not self.pieces or self.pieces[-1]["options"] != options:
            self.pieces.append({"from_step": self.step, "options": options})

    def learning_rate_share(self) -> float:
        """Warm-up, then level, then linear to zero over the last steps."""
        left = (self.args.steps - self.step) / max(1, self.args.decay_steps)
        return min(1.0, (self.step - self.begun + 1) / WARM_UP, left)

    def learn(self, pairs: list[tuple[list[int], list[int]]]) -> float:
        """One step."""
        share = self.learning_rate_share()
        for optimizer, peak in zip(self.optimizers, self.peaks, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * share
        with self.autocast:
            loss, _ = self.kind.loss_of(self.model, pairs)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.model.zero_grad(set_to_none=True)
        self.step += 1
        return loss.item()

    def validate(self, fixed: list[list[tuple[list[int], list[int]]]]) -> tuple[float, float]:
        """Loss per target token, and the share of tokens predicted right."""
        self.model.eval()
        with torch.no_grad(), self.autocast:
            found = [self.kind.loss_of(self.model, pairs) for pairs in fixed]
        self.model.train()
        count = sum(len(right) for _, right in found)
        loss = sum(loss.item() * len(right) for loss, right in found) / count
        return loss, sum(int(right.sum()) for _, right in found) / count

    def save(self) -> None:
        """All that going on needs, and the model in half precision (it has to be small) with how it came about."""
        args = self.args
        if not all(math.isfinite(p.detach().abs().max()) for p in self.model.parameters()):
            raise RuntimeError("the weights are not finite; lower the learning rate")
        state = {"model": self.model.state_dict(), "optimizers": [o.state_dict() for o in self.optimizers]}
        state |= {"step": self.step, "begun": self.begun, "seconds": self.seconds, "log": self.log, "pieces": self.pieces}
        args.work_dir.mkdir(parents=True, exist_ok=True)
        torch.save(state, args.work_dir / "checkpoint.new")
        os.replace(args.work_dir / "checkpoint.new", args.work_dir / "checkpoint.pt")
        half = type(self.model)(self.model.config).to(torch.float16)
        half.load_state_dict(self.model.state_dict())
        half.save_pretrained(args.output_dir)
        versions = {"torch": torch.__version__, "transformers": transformers.__version__}
        about = {"pieces": self.pieces, "versions": versions, "steps_done": self.step, "log": self.log}
        (args.output_dir / "pretraining.json").write_text(json.dumps(about, ensure_ascii=False, indent=1) + "\n")


def main() -> None:
    """Go on where the last run stopped, until all steps are done or the minutes are over."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=16_000)
    parser.add_argument("--decay_steps", type=int, default=4_000)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after so many, to go on later")
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="t5")
    parser.add_argument("--output_dir", type=Path, help="default: samples/base, or samples/base-causal of a Llama")
    parser.add_argument("--work_dir", type=Path, required=True, help="where the checkpoint is kept")
    parser.add_argument("--go_on", action="store_true", help="where there is no checkpoint, begin with the base of --output_dir")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--d_model", type=int, default=192)
    parser.add_argument("--d_ff", type=int, help="default: 512, of a Llama 384")
    parser.add_argument("--layers", type=int, nargs="+", help="of encoder and decoder, default 4 2; of a Llama, default 6")
    parser.add_argument("--batch_size", type=int, default=48)
    parser.add_argument("--learning_rate", type=float, default=1e-3)
    parser.add_argument("--muon_learning_rate", type=float, default=0.006)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    kind = ARCHITECTURES[args.architecture]
    args.output_dir, args.d_ff, args.layers = (
        args.output_dir or HERE / kind.FOLDER,
        args.d_ff or kind.D_FF,
        args.layers or kind.LAYERS,
    )
    if len(args.layers) != len(kind.LAYERS):
        parser.error(f"--layers: a {args.architecture} has {len(kind.LAYERS)} of them")
    run = Run(args)
    words = real_words(args.seed)
    stream = batches(run.encode, args.seed, args.batch_size, words, run.step)
    other = batches(run.encode, args.seed + 1_000_000, args.batch_size, words)
    fixed = [next(other) for _ in range(16)]
    print(f"{sum(p.numel() for p in run.model.parameters()):,} parameters, vocabulary {run.encode.size:,}", flush=True)
    begun = since = time.time()
    losses: list[float] = []
    run.model.train()
    try:
        while run.step < args.steps and time.time() - begun < 60 * args.minutes:
            losses.append(run.learn(next(stream)))
            if run.step % REPORT == 0 or run.step == args.steps:
                eval_loss, accuracy = run.validate(fixed)
                run.seconds += time.time() - since
                since = time.time()
                of_step = {
                    "step": run.step,
                    "minutes": round(run.seconds / 60, 1),
                    "train_loss": round(sum(losses) / len(losses), 4),
                }
                run.log.append({**of_step, "eval_loss": round(eval_loss, 4), "accuracy": round(accuracy, 4)})
                losses = []
                print(json.dumps(run.log[-1]), flush=True)
            if run.step % SAVE == 0:
                run.save()
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
    run.save()


if __name__ == "__main__":
    main()
