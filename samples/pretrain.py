"""Make the weights of `samples/base/`: a small T5 that has read invented Japanese, can copy what it reads, and can ask.

    python samples/vocabulary.py
    python samples/pretrain.py --steps 16000 --work_dir /tmp/pretraining --minutes 30
    python samples/pretrain.py --steps 16000 --work_dir /tmp/pretraining            (goes on)
    python samples/pretrain.py --steps 40000 --work_dir /tmp/more --go_on           (reads on, from the base that is there)

The text comes from `reading.py`: no table of facts is read here, so no fact of the sample's train, dev or test split is in it. A run
stops by itself after `--minutes`, or on Ctrl-C, and the same command goes on; the batches are those of a run in one piece. `--steps` may be
changed as long as the last `--decay_steps`, in which the learning rate falls, have not begun. Copying by cross-attention comes late in
training, so the weights start near it: see `start_near_copying`.
"""

import argparse
import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch
import transformers
from torch.nn import functional

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from dictionary import real_words
from reading import Encoder, batches

from toi.models.t5.fast import speed_up
from toi.system.memory import keep_memory
from toi.training.optimizer import mixed_precision

WARM_UP, REPORT, SAVE = 200, 200, 500  # steps


def start_near_copying(model: transformers.T5ForConditionalGeneration) -> None:
    """Set some heads to what a copying T5 ends up with (induction heads, Olsson et al. 2022).

    Encoder head 0 looks one token back, so that a position knows what stands before it; the first
    decoder cross-attention looks for positions whose "before" is the token just written, and its
    values pass on the token that stands there. With tied embeddings that writes the next token of
    the copied text, also where the token was never trained. Training does the rest.
    """
    config = model.config
    d, k = config.d_model, config.d_kv
    generator = torch.Generator().manual_seed(1)
    basis = torch.linalg.qr(torch.randn(d, d, generator=generator))[0].T  # orthonormal rows
    rows = [basis[i * k : (i + 1) * k] for i in range(d // k)]  # each (k, d)
    encoder, decoder = model.encoder.block, model.decoder.block
    with torch.no_grad():
        bias = encoder[0].layer[0].SelfAttention.relative_attention_bias.weight  # (buckets, heads)
        half = config.relative_attention_num_buckets // 2
        for head, bucket in ((0, 1), (1, 2), (2, half + 1)):  # one back, two back, one ahead
            bias[bucket, head] = 8.0
        bias = decoder[0].layer[0].SelfAttention.relative_attention_bias.weight
        for head, bucket in ((0, 1), (1, 2)):
            bias[bucket, head] = 8.0
        attention = encoder[0].layer[0].SelfAttention
        attention.v.weight[:k] = rows[0]
        attention.o.weight[:, :k] = rows[1].T  # what stands before, written into a subspace of its own
        cross = decoder[0].layer[1].EncDecAttention
        for head in range(2):
            cross.q.weight[head * k : (head + 1) * k] = rows[0] * 0.7
            cross.k.weight[head * k : (head + 1) * k] = rows[1] * 0.7
        for head in range(config.num_heads):
            cross.v.weight[head * k : (head + 1) * k] = rows[head % len(rows)]
            cross.o.weight[:, head * k : (head + 1) * k] = rows[head % len(rows)].T


def make_model(vocabulary: int, args: argparse.Namespace) -> transformers.T5ForConditionalGeneration:
    """The model at its start."""
    config = transformers.T5Config(
        vocab_size=vocabulary, d_model=args.d_model, d_kv=32, num_heads=args.d_model // 32, d_ff=args.d_ff,
        num_layers=args.layers[0], num_decoder_layers=args.layers[1], dropout_rate=0.0, pad_token_id=0, eos_token_id=1,
        decoder_start_token_id=0, tie_word_embeddings=True,
    )  # fmt: skip
    model = transformers.T5ForConditionalGeneration(config)
    start_near_copying(model)
    return model


def grow(model: transformers.T5ForConditionalGeneration, smaller: transformers.T5ForConditionalGeneration) -> None:
    """Give a model what a smaller one has learnt: it says the same, and has room to learn more (Net2Net, Chen et al. 2016).

    New layers stand among the old ones and write nothing yet, as do new units of a feed-forward layer: their output matrices are 0.
    """
    model.shared.weight.data.copy_(smaller.shared.weight)
    for stack, old in ((model.encoder, smaller.encoder), (model.decoder, smaller.decoder)):
        stack.final_layer_norm.load_state_dict(old.final_layer_norm.state_dict())
        places = [i * len(stack.block) // len(old.block) for i in range(len(old.block))]
        for i, block in enumerate(stack.block):
            before = old.block[max(j for j, place in enumerate(places) if place <= i)]
            for name, parameter in block.named_parameters():
                if "relative_attention_bias" in name:
                    parameter.data.copy_(old.block[0].get_parameter(name))
                    continue
                known = before.get_parameter(name)
                if name.endswith(("o.weight", "wo.weight")):  # of attention and of the feed-forward layer
                    parameter.data.zero_()
                    if i in places:
                        parameter.data[:, : known.shape[1]] = known.data
                else:
                    parameter.data[: known.shape[0]] = known.data


def loss_of(model: Any, pairs: list[tuple[list[int], list[int]]]) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean loss per target token of a batch, and for each target token whether it was predicted."""
    pad = torch.nn.utils.rnn.pad_sequence
    ids = pad([torch.tensor(s) for s, _ in pairs], batch_first=True)
    labels = pad([torch.tensor(t) for _, t in pairs], batch_first=True, padding_value=-100)
    kept = labels != -100
    shifted = torch.cat([labels.new_zeros(len(labels), 1), labels[:, :-1].clamp(min=0)], dim=1)
    logits = model(input_ids=ids, attention_mask=ids.ne(0), decoder_input_ids=shifted, kept=kept).logits[0]
    return functional.cross_entropy(logits.float(), labels[kept]), logits.argmax(-1) == labels[kept]


class Run:
    """A pretraining under way: model, optimizers, and how far it is."""

    def __init__(self, args: argparse.Namespace):
        self.args = args
        keep_memory()
        torch.manual_seed(args.seed)
        torch.set_num_threads(args.threads)
        self.encode = Encoder(args.output_dir)
        self.model = make_model(self.encode.size, args)
        matrices, others = [], []
        for name, parameter in self.model.named_parameters():
            inside = parameter.ndim == 2 and "shared" not in name and "relative" not in name
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
        speed_up(self.model)
        checkpoint = args.work_dir / "checkpoint.pt"
        if checkpoint.is_file():
            state = torch.load(checkpoint, weights_only=True)
            self.model.load_state_dict(state["model"])
            for optimizer, of_optimizer in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(of_optimizer)
            self.step, self.begun, self.seconds = state["step"], state["begun"], state["seconds"]
            self.log, self.pieces = state["log"], state["pieces"]
        elif args.go_on:  # with optimizers that begin anew, and layers and units that the base has not
            half = transformers.T5ForConditionalGeneration.from_pretrained(args.output_dir, dtype=torch.float32)
            grow(self.model, half)
            about = json.loads((args.output_dir / "pretraining.json").read_text())
            self.step, self.log, self.pieces = about["steps_done"], about["log"], about["pieces"]
            self.begun, self.seconds = self.step, self.log[-1]["minutes"] * 60
        left_out = ("output_dir", "work_dir", "minutes", "threads", "go_on")
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
            loss, _ = loss_of(self.model, pairs)
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
            found = [loss_of(self.model, pairs) for pairs in fixed]
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
        half = transformers.T5ForConditionalGeneration(self.model.config).to(torch.float16)
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
    parser.add_argument("--output_dir", type=Path, default=HERE / "base")
    parser.add_argument("--work_dir", type=Path, required=True, help="where the checkpoint is kept")
    parser.add_argument("--go_on", action="store_true", help="where there is no checkpoint, begin with the base of --output_dir")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--d_model", type=int, default=192)
    parser.add_argument("--d_ff", type=int, default=512)
    parser.add_argument("--layers", type=int, nargs=2, default=(4, 2), metavar=("ENCODER", "DECODER"))
    parser.add_argument("--batch_size", type=int, default=48)
    parser.add_argument("--learning_rate", type=float, default=1e-3)
    parser.add_argument("--muon_learning_rate", type=float, default=0.006)
    parser.add_argument("--threads", type=int, default=2)
    run = Run(args := parser.parse_args())
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
