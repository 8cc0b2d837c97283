"""The models that benchmarks run on, made here: nothing is downloaded.

    python benchmarks/models.py FOLDER

makes the T5 of 54M parameters with random weights: the shape of a small Japanese T5, with a vocabulary of 32,000 pieces with byte
fallback, trained on the contexts of JaQuAD (raw/, get it with ./download.sh jaquad).
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toi.models.checkpoint import Checkpoint

ROOT = Path(__file__).parent.parent


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


def make_t5_54m(folder: str | Path, raw: Path = ROOT / "raw" / "jaquad") -> Path:
    """A model folder with a T5 of 54M parameters (random weights, seed 0); what is there already is kept.

    Raises SystemExit if JaQuAD is not there. Takes about a minute on two cores, nearly all of it the vocabulary.
    """
    import sentencepiece
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    folder = Path(folder)
    if (folder / "model.safetensors").is_file():
        return folder
    if not any(raw.glob("train/*.json")):
        sys.exit(f"{raw} is not there; get it with ./download.sh jaquad")
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "spiece.model", "wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=jaquad_sentences(raw), model_writer=file, model_type="unigram", vocab_size=32_000,
            character_coverage=0.9995, byte_fallback=True, normalization_rule_name="nmt_nfkc", num_threads=2,
            pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2,
        )  # fmt: skip
    config = T5Config(
        vocab_size=32_128, d_model=512, d_kv=64, num_heads=8, d_ff=2_240, num_layers=6, num_decoder_layers=4,
        dropout_rate=0.1, decoder_start_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


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
