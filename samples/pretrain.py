"""Make `samples/base/`: a tiny T5 that has read invented Japanese and can copy what it reads.

    python samples/pretrain.py --steps 12000

The text comes from `frames.py`: invented names only, so no fact of the sample's train, dev or test split is in
it, and no question either: asking is what fine-tuning teaches. Four kinds of examples, drawn anew every
step (a name is seen about once; a name that returned would be learnt by heart instead of being read):

    sentence   answer: 白浜市 context: 一は白浜市に住む医師です。趣味は釣りです。 -> 一は<extra_id_0>に住む医師です。
    marked     一は<extra_id_1>白浜市<extra_id_1>に住む医師です。趣味は釣りです。 -> 一は<extra_id_0>に住む医師です。
    answer     question: 一は<extra_id_0>に住む医師です。 context: 一は白浜市に... -> 白浜市
    spans      一は<extra_id_0>に住む医師です。<extra_id_1>は釣りです。 -> <extra_id_0> 白浜市 <extra_id_1> 趣味

The last is T5's span corruption (Raffel et al. 2020, section 3.1.4). Copying by cross-attention comes late
in training, so the weights start near it: see `start_near_copying`.
"""

import argparse
import io
import json
import math
import random
import re
import sys
import time
from pathlib import Path
from typing import Any

import sentencepiece as spm
import torch
import transformers
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
import frames
import invented

HERE = Path(__file__).parent
SENTINELS = 100  # T5's <extra_id_0> ... <extra_id_99>, behind the vocabulary
EXTRA = "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~、。「」『』・ー々〜…°℃"


class Narrow(random.Random):
    """Draws characters from a few of an alphabet, until `renew`: the names of a context are then hard to tell apart."""

    def renew(self) -> None:
        """Choose other characters."""
        self.few = [self.getrandbits(32) for _ in range(self.randint(4, 8))]

    def choice(self, seq: Any) -> Any:
        """One of `seq`; of a long text, one of the few."""
        if isinstance(seq, str) and len(seq) > 20:
            return seq[super().choice(self.few) % len(seq)]
        return super().choice(seq)


def context(rng: random.Random, narrow: float = 0.0) -> list[frames.Sentence]:
    """One to five sentences about an invented entity, sometimes with a second entity between them.

    `narrow` is the share of contexts whose names are made of a few characters.
    """
    if rng.random() < narrow:
        rng = Narrow(rng.getrandbits(64))
        rng.renew()
    sentences: list[frames.Sentence] = []
    for _ in range(rng.choices((1, 2), (4, 1))[0]):
        length = rng.choices((1, 2, 3, 4, 5), (25, 30, 25, 10, 10))[0]
        if rng.random() < 0.35:
            sentences += table_context(rng, length)
        else:
            kind = frames.KINDS[rng.choice(list(frames.KINDS))]
            sentences += frames.invented_context(rng, kind, kind.draw(rng), length)
        if len(sentences) >= 5:
            break
    return sentences[:5]


def table_context(rng: random.Random, length: int) -> list[frames.Sentence]:
    """Like the tables of facts: an entity and its attributes, nouns and values all invented."""
    entity = rng.choice((invented.town, invented.region, invented.katakana_word, invented.word, invented.landmark, invented.work))(
        rng
    )
    draws = [draw for draw, _ in frames.SLOTS.values()]
    sentences = []
    for i in range(length):
        noun, value = invented.kanji_word(rng, 1, 4) if rng.random() < 0.8 else invented.word(rng), rng.choice(draws)(rng)
        pattern = rng.choice(frames.FACT if i == 0 or rng.random() < 0.5 else frames.FACT_WITHOUT_TOPIC)
        lead = rng.choice(frames.LEADS) if i and rng.random() < 0.2 else ""
        sentences.append(frames.fact_sentence(entity, "", noun, value, "", pattern, lead))
    return sentences


def example(rng: random.Random, narrow: float = 0.0) -> tuple[str, str]:
    """One (source, target) pair of one of the four kinds."""
    sentences = context(rng, narrow)
    text = "".join(sentence.text for sentence in sentences)
    kind = rng.choices(("sentence", "marked", "answer", "spans"), (50, 12, 13, 25))[0]
    if kind == "spans":
        return corrupt(rng, text)
    sentence = rng.choice(sentences)
    slots = [slot for slot in sentence.slots if text.count(slot.text) == 1 or kind != "sentence"]
    if not slots:
        return corrupt(rng, text)
    slot = rng.choice(slots)
    before, after = sentence.text[: slot.start], sentence.text[slot.start + len(slot.text) :]
    before = re.sub("^(" + "|".join(frames.LEADS) + ")", "", before)  # as questions do
    cloze = f"{before}<extra_id_0>{after}"
    if kind == "answer":
        return f"question: {cloze} context: {text}", slot.text
    if kind == "marked":
        at = text.index(sentence.text) + slot.start
        marked = f"{text[:at]}<extra_id_1>{slot.text}<extra_id_1>{text[at + len(slot.text) :]}"
        return marked, cloze
    return f"answer: {slot.text} context: {text}", cloze


def corrupt(rng: random.Random, text: str) -> tuple[str, str]:
    """T5's span corruption: about 15% of the characters in spans of 1 to 5."""
    source, target, at, sentinel = [], [], 0, 0
    while at < len(text):
        gap = min(len(text) - at, 1 + int(rng.expovariate(1 / 17)))
        source.append(text[at : at + gap])
        at += gap
        if at < len(text):
            span = text[at : at + rng.randint(1, 5)]
            source.append(f"<extra_id_{sentinel}>")
            target.append(f"<extra_id_{sentinel}>{span}")
            at += len(span)
            sentinel += 1
    return "".join(source), "".join(target) or text[:5]


def make_vocabulary(folder: Path, seed: int) -> None:
    """A SentencePiece unigram model of single characters with byte fallback, from the text above."""
    rng = random.Random(seed)
    lines = ["".join(sentence.text for sentence in context(rng)) for _ in range(20_000)]
    lines += list(invented.KANJI + invented.KATAKANA + invented.HIRAGANA + invented.SMALL + EXTRA)
    lines += list("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZァィゥェォヴぁぃぅぇぉっゃゅょんをヲヂヅヱヰ鴎")
    lines = [line.translate(dict.fromkeys(map(ord, invented.RARE_KANJI))) for line in lines]
    characters = {c for line in lines for c in line}
    buffer = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=buffer, model_type="unigram", max_sentencepiece_length=1,
        vocab_size=len(characters) + 256 + 3 + 1, hard_vocab_limit=False, character_coverage=1.0, byte_fallback=True,
        normalization_rule_name="nmt_nfkc", pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2, num_threads=1,
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spiece.model").write_bytes(buffer.getvalue())


class Encoder:
    """Text with sentinels -> ids, by SentencePiece itself; sentinels count down from the end as in T5."""

    def __init__(self, folder: Path):
        self.pieces = spm.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
        self.size = self.pieces.get_piece_size() + SENTINELS

    def __call__(self, text: str) -> list[int]:
        """The ids of a text, with the end-of-sequence id."""
        ids: list[int] = []
        for i, part in enumerate(re.split(r"<extra_id_(\d+)>", text)):
            if i % 2:
                ids.append(self.size - 1 - int(part))
            elif part:
                encoded = self.pieces.encode(part)
                # The dummy prefix belongs to the start of the text only.
                ids += encoded if i == 0 or self.pieces.id_to_piece(encoded[0]) != "▁" else encoded[1:]
        return [*ids, 1]


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


def batches(encode: Encoder, seed: int, batch_size: int, narrow: float):
    """Endless padded batches of like length; the pool of 16 batches is drawn and sorted at a time."""
    rng = random.Random(seed)
    while True:
        pool = [tuple(map(encode, example(rng, narrow))) for _ in range(batch_size * 16)]
        pool = sorted((pair for pair in pool if len(pair[0]) <= 256), key=lambda pair: len(pair[0]))
        groups = [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
        rng.shuffle(groups)
        for group in groups:
            sources, targets = zip(*group, strict=True)
            pad = torch.nn.utils.rnn.pad_sequence
            ids = pad([torch.tensor(s) for s in sources], batch_first=True)
            labels = pad([torch.tensor(t) for t in targets], batch_first=True, padding_value=-100)
            yield ids, labels


def validate(model, sets) -> tuple[float, float]:
    """Loss per token and the share of tokens predicted right, over fixed batches."""
    model.eval()
    loss = right = count = 0.0
    with torch.no_grad():
        for ids, labels in sets:
            logits = model(input_ids=ids, attention_mask=ids.ne(0), labels=labels).logits
            loss += F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100, reduction="sum").item()
            right += (logits.argmax(-1) == labels).sum().item()
            count += labels.ne(-100).sum().item()
    model.train()
    return loss / count, right / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument("--output_dir", type=Path, default=HERE / "base")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--d_model", type=int, default=192)
    parser.add_argument("--d_ff", type=int, default=512)
    parser.add_argument("--layers", type=int, nargs=2, default=(3, 2), metavar=("ENCODER", "DECODER"))
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--learning_rate", type=float, default=1e-3)
    parser.add_argument("--muon_learning_rate", type=float, default=0.006)
    parser.add_argument("--narrow", type=float, default=0.0, help="the share of contexts with names that are hard to tell apart")
    parser.add_argument("--go_on", action="store_true", help="another stage, from the weights in --output_dir")
    parser.add_argument("--plain_start", action="store_true", help="T5's own initialization, to compare")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--eval_steps", type=int, default=200)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    if not args.go_on:
        make_vocabulary(args.output_dir, args.seed)
    encode = Encoder(args.output_dir)
    config = transformers.T5Config(
        vocab_size=encode.size, d_model=args.d_model, d_kv=32, num_heads=args.d_model // 32, d_ff=args.d_ff,
        num_layers=args.layers[0], num_decoder_layers=args.layers[1], dropout_rate=0.0, pad_token_id=0, eos_token_id=1,
        decoder_start_token_id=0, tie_word_embeddings=True,
    )  # fmt: skip
    model = transformers.T5ForConditionalGeneration(config)
    if args.go_on:
        model = transformers.T5ForConditionalGeneration.from_pretrained(args.output_dir, dtype=torch.float32)
    elif not args.plain_start:
        start_near_copying(model)
    train(model, encode, args)


def train(model, encode: Encoder, args: argparse.Namespace) -> None:
    """Muon for the matrices inside the layers, AdamW for the rest; warm-up, then linear decay."""
    matrices, others = [], []
    for name, parameter in model.named_parameters():
        inside = parameter.ndim == 2 and "shared" not in name and "relative" not in name
        (matrices if inside else others).append(parameter)
    muon = torch.optim.Muon(matrices, lr=args.muon_learning_rate, weight_decay=0.0)
    adam = torch.optim.AdamW(others, lr=args.learning_rate, betas=(0.9, 0.98), weight_decay=0.0)
    peaks = (args.muon_learning_rate, args.learning_rate)
    stream = batches(encode, args.seed, args.batch_size, args.narrow)
    fixed = batches(encode, args.seed + 1_000_000, args.batch_size, args.narrow)
    sets = [next(fixed) for _ in range(16)]
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, vocabulary {encode.size:,}", flush=True)
    start, step, seen, total, tokens = time.time(), 0, 0, 0.0, 0
    log = [
        {
            "minutes": 0.0,
            "examples": 0,
            "train_loss": None,
            **dict(zip(("eval_loss", "accuracy"), validate(model, sets), strict=True)),
        }
    ]
    model.train()
    while step < args.steps:
        ids, labels = next(stream)
        factor = min(1.0, (step + 1) / 200) * max(0.02, 1 - step / args.steps)
        for optimizer, peak in zip((muon, adam), peaks, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * factor
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model(input_ids=ids, attention_mask=ids.ne(0), labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        muon.step()
        adam.step()
        model.zero_grad(set_to_none=True)
        count = int(labels.ne(-100).sum())
        step, seen, total, tokens = step + 1, seen + len(ids), total + loss.item() * count, tokens + count
        if step % args.eval_steps == 0:
            eval_loss, accuracy = validate(model, sets)
            log.append(
                {
                    "minutes": round((time.time() - start) / 60, 1),
                    "examples": seen,
                    "train_loss": total / tokens,
                    "eval_loss": eval_loss,
                    "accuracy": accuracy,
                }
            )
            total, tokens = 0.0, 0
            print(json.dumps(log[-1]), flush=True)
            if step % 1000 == 0:
                save(model, args, log)
    save(model, args, log)


def save(model, args: argparse.Namespace, log: list[dict]) -> None:
    """Weights in half precision (they fit in 8 MB), and how they came about beside them."""
    if not all(math.isfinite(p.detach().abs().max()) for p in model.parameters()):
        raise RuntimeError("the weights are not finite; lower the learning rate")
    half = transformers.T5ForConditionalGeneration(model.config).to(torch.float16)
    half.load_state_dict(model.state_dict())
    half.save_pretrained(args.output_dir)
    options = {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items() if k != "output_dir"}
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "sentencepiece": spm.__version__}
    path = args.output_dir / "pretraining.json"
    stages = json.loads(path.read_text())["stages"] if args.go_on else []
    options = json.loads(json.dumps(options))  # as it was written: tuples are lists
    if stages and stages[-1]["options"] == options and len(stages[-1]["log"]) < len(log):
        stages.pop()  # the same stage, some steps ago
    stages.append({"options": options, "versions": versions, "log": log})
    path.write_text(json.dumps({"stages": stages}, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
