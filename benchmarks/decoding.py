"""How fast is predict.py, and how exact? The T5 of 54M parameters (random weights) on 256 sources of JaQuAD, beam 4.

    python benchmarks/decoding.py
    python benchmarks/decoding.py --trained_model model --data_dir data_sample     (after make demo)

Peers, in the same run: `model.generate` in single precision, in batches of 8 in file order; and the same in bf16 with the batches
sorted by length. Every figure is from a process of its own; loading and converting the model are not counted. Constrained decoding
bans 100 content words of JaQuAD; `torch` and `torch_banned` are our search with torch without and with the words for every source
from the start, whereas predict.py searches a source again only where a word came out. With --trained_model, the outputs of both
engines are compared, BLEU of int8 with that of float32, and the outputs for each way to cut the batches.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]


def sources(count: int) -> list[str]:
    """Prompts over the whole of JaQuAD's dev files, in file order."""
    from models import jaquad_paragraphs

    found = [
        f"answer: {qa['answers'][0]['text']} context: {paragraph['context']}"
        for paragraph in jaquad_paragraphs("dev")
        for qa in paragraph["qas"]
    ]
    step = len(found) // count
    return found[::step][:count]


def jaquad_questions() -> list[str]:
    """The questions of JaQuAD's dev files."""
    from models import jaquad_paragraphs

    return [qa["question"] for paragraph in jaquad_paragraphs("dev") for qa in paragraph["qas"]]


def words(questions: Iterable[str], count: int, seed: int = 0) -> list[str]:
    """Content words of questions, drawn at random."""
    from toi.text.words import content_words

    known = {word for question in questions for word in content_words(question) if len(word) > 1}
    return random.Random(seed).sample(sorted(known), count)


def peer(model: str, texts: list[str], length: int, *, bf16: bool) -> dict[str, Any]:
    """`model.generate`, as one would write it: 8 sources at a time."""
    import torch
    from models import load_plain

    from toi.models.family import Limits
    from toi.models.padded import mask_of, pad

    checkpoint = load_plain(model)
    checkpoint.model.eval()
    if bf16:
        checkpoint.model.bfloat16()
    started = start()
    encoded = [row.source for row in checkpoint.family.encode(texts, None, Limits(512, length))]
    if bf16:
        encoded.sort(key=len, reverse=True)
    with torch.inference_mode():
        for i in range(0, len(encoded), 8):
            batch = encoded[i : i + 8]
            found = checkpoint.model.generate(
                input_ids=pad(batch, 0), attention_mask=mask_of(batch), num_beams=4, do_sample=False, max_new_tokens=length
            )
            checkpoint.tokenizer.decode_batch(found.tolist())
    return speed(len(texts), started)


def speed(count: int, started: float) -> dict[str, Any]:
    """Examples per second, and per second of a core: a machine that others use too slows the first, hardly the second."""
    loading = _CPU["loaded"]
    return {"per_second": count / (time.perf_counter() - started), "per_core_second": count / (time.process_time() - loading)}


_CPU = {"loaded": 0.0}


def start() -> float:
    """The clock, behind what is not to be counted."""
    _CPU["loaded"] = time.process_time()
    return time.perf_counter()


def ours(model: str, texts: list[str], length: int, **options: Any) -> dict[str, Any]:
    """What predict.py does for its rows."""
    from toi.decoding.decoder import Decoder
    from toi.decoding.options import DecodingOptions
    from toi.models.checkpoint import load

    chosen = DecodingOptions(max_target_length=length, **options)
    decoder = Decoder(load(model))
    list(decoder.decode(texts[:1], chosen))  # converts the model, if it was not
    started = start()
    found = dict(decoder.decode(texts, chosen))
    return {**speed(len(texts), started), "engine": decoder.engine, "again": decoder.constrained, "rows": len(found)}


def searched(model: str, texts: list[str], length: int, banned: list[str]) -> dict[str, Any]:
    """Torch's search alone, with every source under the constraints from the start: what the masks themselves cost."""
    from toi.decoding.banned import BannedText
    from toi.decoding.plan import SearchPlan
    from toi.decoding.search import search
    from toi.decoding.vocabulary import Vocabulary
    from toi.models.checkpoint import load
    from toi.models.family import Limits
    from toi.models.packed import PackedLinears

    checkpoint = load(model)
    packed = PackedLinears(checkpoint.model.eval())
    started = start()
    constraints = [BannedText(Vocabulary(checkpoint.tokenizer.pieces), banned)] if banned else []
    rows = checkpoint.family.encode(texts, None, Limits(512, length))
    encoded = sorted((row.source for row in rows), key=len, reverse=True)
    for i in range(0, len(encoded), 16):
        batch = encoded[i : i + 16]
        with packed.in_use():
            search(checkpoint.family, checkpoint.model, batch, SearchPlan(max_length=length), [constraints for _ in batch])
    return speed(len(texts), started)


WAYS = ("peer_fp32", "peer_bf16", "float32", "float32_banned", "int8", "int8_banned", "torch", "torch_banned")


def measure(way: str, model: str, count: int, length: int) -> dict[str, Any]:
    texts = sources(count)
    if way.startswith("peer"):
        return peer(model, texts, length, bf16=way == "peer_bf16")
    engine, _, banned = way.partition("_")
    forbidden = words(jaquad_questions(), 100) if banned else []
    if engine == "torch":
        return searched(model, texts, length, forbidden)
    return ours(model, texts, length, compute_type=engine, bad_words=forbidden)


def trained(model: str, data_dir: str, rows: int) -> None:
    """A trained model: do engines and batches agree?"""
    from toi.data.examples import read_rows, split_path
    from toi.data.task_files import read_task
    from toi.decoding.decoder import Decoder
    from toi.decoding.options import DecodingOptions, NBestOptions
    from toi.models.checkpoint import load
    from toi.scoring.metrics import score
    from toi.text.normalization import normalize

    checkpoint, data = load(model), read_rows(split_path(data_dir, "test"))[:rows]
    decoder, texts = Decoder(checkpoint), [row.source for row in data]

    def outputs(order: list[int] | None = None, batch_size: int = 32, **options: Any) -> list[str]:
        order = order or list(range(len(texts)))
        found = dict(decoder.decode([texts[i] for i in order], DecodingOptions(**options), batch_size))
        return [normalize(found[order.index(i)].text or "") for i in range(len(texts))]

    golds = [[row.target] for row in data]
    float32, torch_, int8 = outputs(backend="ctranslate2"), outputs(backend="torch"), outputs(compute_type="int8")
    same = sum(a == b for a, b in zip(float32, torch_, strict=True))
    print(f"{len(texts)} rows: ctranslate2 float32 as torch on {same} ({100 * same / len(texts):.2f}%)")
    bleu = [score(found, golds)["bleu"].value for found in (float32, int8)]
    print(f"BLEU float32 {bleu[0]:.2f}, int8 {bleu[1]:.2f}")
    shuffled = random.Random(0).sample(range(len(texts)), len(texts))
    for backend in ("ctranslate2", "torch"):
        cuts = [outputs(batch_size=size, backend=backend) for size in (1, 8, 64)] + [outputs(shuffled, backend=backend)]
        print(f"{backend}: one by one, 8, 64, shuffled: {'identical' if all(cut == cuts[0] for cut in cuts) else 'DIFFERENT'}")
    asked = [row.target for row in read_rows(split_path(data_dir, "train"))]
    for seed in range(5):
        seconds = []
        for banned in ([], words(asked, 100, seed)):
            started = time.perf_counter()
            outputs(bad_words=banned)
            seconds.append(time.perf_counter() - started)
        more, again = seconds[1] / seconds[0], decoder.constrained
        print(f"100 random words of the training questions: {again} rows searched again, {more:.2f} times the time")
    task = read_task(model)
    print(f"ten questions each for 20 sources ({task.name if task else 'no task'}):")
    ways = {
        "beam 10": {"num_beams": 10},
        "diverse, penalty 1": {"diversity_penalty": 1.0},
        "sampling, top_p 0.95": {"do_sample": True, "top_p": 0.95, "temperature": 1.5},
    }
    for name, options in ways.items():
        some = dict(decoder.decode(texts[:: len(texts) // 20][:20], NBestOptions(num_return_sequences=10, **options)))
        lists = [[text.text for text in output.texts] for output in some.values()]
        print(f"  {name:22}different: {min(map(len, lists))} to {max(map(len, lists))}; self-BLEU {self_bleu(lists):.1f}")


def self_bleu(lists: list[list[str]]) -> float:
    """The mean over all pairs of outputs for the same source of their BLEU against each other (sacreBLEU ja-mecab)."""
    from sacrebleu.metrics import BLEU

    bleu = BLEU(tokenize="ja-mecab", effective_order=True)
    pairs = [(a, b) for texts in lists for i, a in enumerate(texts) for j, b in enumerate(texts) if i != j]
    return sum(bleu.sentence_score(a, [b]).score for a, b in pairs) / max(1, len(pairs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="/tmp/t5_54m", help="where the model is, or is made")
    parser.add_argument("--sources", type=int, default=256)
    parser.add_argument("--length", type=int, default=64, help="the most tokens of an output")
    parser.add_argument("--only", nargs="*", choices=WAYS, default=list(WAYS))
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--trained_model")
    parser.add_argument("--data_dir", default="data_sample")
    parser.add_argument("--rows", type=int, default=10_000, help="of the test split, for --trained_model")
    args = parser.parse_args()
    from toi.models.checkpoint import quiet

    quiet()
    if args.trained_model:
        trained(args.trained_model, args.data_dir, args.rows)
        return
    if args.one:
        print(json.dumps(measure(args.one, args.model, args.sources, args.length)))
        return
    from models import make_t5_54m

    make_t5_54m(args.model)
    for way in args.only:
        command = [sys.executable, __file__, "--one", way, "--model", args.model, "--sources", str(args.sources)]
        command += ["--length", str(args.length)]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            sys.exit(result.stderr)
        found = json.loads(result.stdout.splitlines()[-1])
        about = f"  {found['engine']}, {found['again']} rows searched again" if "engine" in found else ""
        print(f"{way:16}{found['per_second']:8.2f} examples/s{found['per_core_second']:8.2f} per core{about}", flush=True)


if __name__ == "__main__":
    main()
