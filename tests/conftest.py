"""Tiny models and data for all tests; nothing here needs a network or `samples/base`."""

import atexit
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["HF_DATASETS_CACHE"] = CACHE = tempfile.mkdtemp(prefix="toi-tests-")  # for the token ids of the tests
atexit.register(shutil.rmtree, CACHE, ignore_errors=True)
os.environ["HF_HUB_OFFLINE"] = "1"  # before any library reads it: a test must not look for a network
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny models: threads that wait for each other cost more than they bring

import pytest  # noqa: E402 (behind the settings above)

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

SENTENCES = [
    "山梨県の県庁所在地は甲府市です。",
    "霧沢一は白浜市に住む医師です。趣味は釣りです。",
    "白浜市の人口は5321人である。特産品は桃です。",
    "question: 霧沢一の趣味は何ですか? context: 趣味は釣りです。",
    "answer: 甲府市 context: 県庁所在地は甲府市です。",
    "県庁所在地はどこですか? 人口は何人ですか? 職業は何ですか?",
    "ABC defg 0123456789 「テスト」(かっこ)",
]


def train_pieces(path: Path, *, byte_fallback: bool, vocab_size: int = 160, max_length: int = 8) -> None:
    """Write a SentencePiece unigram model of the sentences above."""
    import sentencepiece

    characters = {c for s in SENTENCES for c in s}
    buffer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 20 + list(characters)),
        model_writer=buffer,
        model_type="unigram",
        vocab_size=vocab_size + (256 if byte_fallback else 0),
        max_sentencepiece_length=max_length,
        hard_vocab_limit=False,
        character_coverage=1.0,
        byte_fallback=byte_fallback,
        normalization_rule_name="nmt_nfkc",
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    path.write_bytes(buffer.getvalue())


def make_model(folder: Path, *, byte_fallback: bool = True, spare_rows: int = 0, weights: bool = True) -> Path:
    """A model folder as the hub has them: config.json, spiece.model and weights, no tokenizer.json."""
    import torch
    from sentencepiece import SentencePieceProcessor
    from transformers import T5Config, T5ForConditionalGeneration

    folder.mkdir(parents=True)
    train_pieces(folder / "spiece.model", byte_fallback=byte_fallback)
    size = SentencePieceProcessor(model_file=str(folder / "spiece.model")).get_piece_size()
    config = T5Config(
        vocab_size=size + 100 + spare_rows,
        d_model=32,
        d_kv=8,
        d_ff=32,
        num_layers=1,
        num_decoder_layers=1,
        num_heads=4,
        dropout_rate=0.1,
        decoder_start_token_id=0,
    )
    if not weights:
        config.save_pretrained(folder)
        return folder
    torch.manual_seed(0)
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A tiny T5 with byte fallback."""
    return make_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_without_bytes(tmp_path_factory):
    """A tiny T5 whose rare characters are `<unk>`, with spare rows behind its vocabulary (as sonoisa/t5-base-japanese)."""
    return make_model(tmp_path_factory.mktemp("models") / "plain", byte_fallback=False, spare_rows=20)


def load_speaking(folder: Path, seed: int = 0):
    """A tiny model with other random weights, that writes text: tokens without text are unlikely."""
    import torch

    from toi.models.checkpoint import load

    checkpoint = load(str(folder))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in checkpoint.model.parameters():
            weight += torch.randn(weight.shape, generator=generator) * weight.std().nan_to_num() * 0.5
        pieces = checkpoint.tokenizer.fast.convert_ids_to_tokens(list(range(len(checkpoint.tokenizer))))
        silent = [i for i, piece in enumerate(pieces) if piece in ("<pad>", "</s>", "<unk>") or piece.startswith("<extra_id_")]
        embeddings = checkpoint.model.get_input_embeddings().weight
        embeddings[silent] = 0
        embeddings[len(pieces) :] = 0
        embeddings[[i for i, piece in enumerate(pieces) if piece.startswith("<0x")]] *= 0.7
    return checkpoint


def squad(articles: dict[str, list[tuple[str, list[tuple[str, str, str, int]]]]]) -> dict:
    """{title: [(context, [(id, question, answer, start)])]} -> SQuAD format."""
    return {
        "data": [
            {
                "title": title,
                "paragraphs": [
                    {
                        "context": context,
                        "qas": [
                            {"id": id, "question": question, "answers": [{"text": answer, "answer_start": start}]}
                            for id, question, answer, start in qas
                        ],
                    }
                    for context, qas in paragraphs
                ],
            }
            for title, paragraphs in articles.items()
        ]
    }


def town_articles(count: int, prefix: str = "町") -> dict:
    """`count` invented articles of one paragraph and two questions."""
    articles = {}
    for i in range(count):
        context = f"{prefix}{i}の人口は{i * 7 + 3}人である。{prefix}{i}の特産品は桃です。"
        qas = [
            (f"{prefix}-{i:03}-0", f"{prefix}{i}の人口は何人であるか?", f"{i * 7 + 3}人", context.index(f"{i * 7 + 3}人である")),
            (f"{prefix}-{i:03}-1", f"{prefix}{i}の特産品は何ですか?", "桃", context.index("桃")),
        ]
        articles[f"{prefix}{i}"] = [(context, qas)]
    return squad(articles)


@pytest.fixture
def squad_files(tmp_path):
    """A training file of 40 articles and a test file of 5."""
    paths = []
    for name, count, prefix in (("train", 40, "町"), ("test", 5, "村")):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(town_articles(count, prefix), ensure_ascii=False), encoding="utf-8")
        paths.append(path)
    return paths


@pytest.fixture
def data_dir(tmp_path, squad_files):
    """A prepared AQG data folder."""
    return prepare_folder(tmp_path / "data", squad_files, "aqg")


def prepare_folder(folder: Path, files: list[Path], task: str) -> Path:
    """Prepare a data folder in this process."""
    from toi.data.squad import SquadOptions, prepare_squad

    options = SquadOptions(train_file=str(files[0]), test_file=str(files[1]))
    prepare_squad(options, options.task(task), str(folder))
    return folder


def script(*arguments: object, cwd: Path = ROOT, check: bool = False) -> subprocess.CompletedProcess:
    """Run one of the scripts as a user does."""
    command = [sys.executable, str(ROOT / str(arguments[0])), *map(str, arguments[1:])]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=check, timeout=300)


def refused(result: subprocess.CompletedProcess) -> str:
    """The one line on stderr of a script that refused its input."""
    assert result.returncode == 2, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]
