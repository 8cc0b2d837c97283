"""The models that benchmarks run on, made here: nothing is downloaded.

    python benchmarks/models.py FOLDER

makes the T5 of 54M parameters with random weights: the shape of a small Japanese T5, with a vocabulary of 32,000 pieces with byte
fallback, trained on the contexts of JaQuAD (raw/, get it with ./download.sh jaquad).
"""

import io
import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toi.models.checkpoint import Checkpoint

ROOT = Path(__file__).parent.parent
PAD, END, UNKNOWN = range(3)  # ids of all models here


def jaquad_paragraphs(split: str, raw: Path = ROOT / "raw" / "jaquad") -> Iterator[dict]:
    """The paragraphs of JaQuAD's train or dev files, in file order."""
    for path in sorted(raw.glob(f"{split}/*.json")):
        for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
            yield from article["paragraphs"]


def jaquad_sentences(raw: Path = ROOT / "raw" / "jaquad") -> Iterator[str]:
    """The contexts and questions of JaQuAD's training files, a sentence at a time."""
    for paragraph in jaquad_paragraphs("train", raw):
        yield from (sentence + "。" for sentence in paragraph["context"].split("。") if sentence.strip())
        yield from (qa["question"] for qa in paragraph["qas"])


def make_pieces(path: Path, raw: Path = ROOT / "raw" / "jaquad", *, tiny: bool = False) -> None:
    """A file of SentencePiece with 32,000 pieces and byte fallback, which takes a minute on two cores; or a tiny one.

    Raises SystemExit if JaQuAD is not there.
    """
    import sentencepiece

    if not any(raw.glob("train/*.json")):
        sys.exit(f"{raw} is not there; get it with ./download.sh jaquad")
    buffer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=islice(jaquad_sentences(raw), 3_000 if tiny else None), model_writer=buffer, model_type="unigram",
        vocab_size=4_000 if tiny else 32_000, character_coverage=0.9995, byte_fallback=True,
        normalization_rule_name="nmt_nfkc", num_threads=2, pad_id=PAD, eos_id=END, unk_id=UNKNOWN, bos_id=-1, minloglevel=2,
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())


def make_t5_54m(folder: str | Path, raw: Path = ROOT / "raw" / "jaquad") -> Path:
    """A model folder with a T5 of 54M parameters (random weights, seed 0); what is there already is kept.

    Raises SystemExit if JaQuAD is not there. Takes about a minute on two cores, nearly all of it the vocabulary.
    """
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    folder = Path(folder)
    if (folder / "model.safetensors").is_file():
        return folder
    make_pieces(folder / "spiece.model", raw)
    config = T5Config(
        vocab_size=32_128, d_model=512, d_kv=64, num_heads=8, d_ff=2_240, num_layers=6, num_decoder_layers=4,
        dropout_rate=0.1, decoder_start_token_id=PAD,
    )  # fmt: skip
    torch.manual_seed(0)
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def make_causal(kind: str, work: Path, *, tiny: bool = False) -> Path:
    """A folder in `work` with a Llama-like or a GPT-2-like model (random weights, seed 0), without a tokenizer.

    48M parameters, a third of them in one matrix for input and output; `tiny` ones show nothing but whether something runs.
    """
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    path = work / f"{kind}{'_tiny' if tiny else ''}"
    if (path / "model.safetensors").is_file():
        return path
    width, layers = (64, 2) if tiny else (512, 10)
    ids = {"vocab_size": 32_000, "bos_token_id": END, "eos_token_id": END, "pad_token_id": PAD}
    torch.manual_seed(0)
    if kind == "gpt2":
        config = GPT2Config(n_embd=width, n_layer=layers, n_head=8, n_positions=1024, **ids)
        GPT2LMHeadModel(config).save_pretrained(path)
    else:
        config = LlamaConfig(
            hidden_size=width, intermediate_size=width * 43 // 16, num_hidden_layers=layers, num_attention_heads=8,
            max_position_embeddings=1024, tie_word_embeddings=True, **ids,
        )  # fmt: skip
        LlamaForCausalLM(config).save_pretrained(path)
    return path


def make_causal_tokenizer(model: Path, *, tiny: bool = False) -> Path:
    """Put a `tokenizer.json` into the folder of `make_causal`: the same one for all models beside it. Returns the folder."""
    from toi.models.tokenizer_files import load_tokenizer

    pieces = model.parent / f"pieces{'_tiny' if tiny else ''}" / "spiece.model"
    if not pieces.is_file():
        make_pieces(pieces, tiny=tiny)
    if not (model / "tokenizer.json").is_file():
        load_tokenizer(pieces.parent, sentinels=0).save(model)
    return model


def load_plain(folder: str | Path) -> "Checkpoint":
    """The model as transformers loads it, without what `toi.models.checkpoint.load` does to the process: for the peers."""
    from transformers import T5ForConditionalGeneration

    from toi.models.checkpoint import Checkpoint
    from toi.models.t5.family import T5Family
    from toi.models.tokenizer_files import load_tokenizer

    model = T5ForConditionalGeneration.from_pretrained(folder)
    family = T5Family(load_tokenizer(Path(folder)), model.config, model.generation_config)
    return Checkpoint(model, family, None, str(folder))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/models.py FOLDER")
    print(make_t5_54m(sys.argv[1]))
