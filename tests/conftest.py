"""Tiny models and data for all tests; nothing here needs a network or `samples/base`."""

import atexit
import base64
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

os.environ["HF_DATASETS_CACHE"] = CACHE = tempfile.mkdtemp(prefix="toi-tests-")  # for the token ids of the tests
atexit.register(shutil.rmtree, CACHE, ignore_errors=True)
if "ATEN_CPU_CAPABILITY" in os.environ:  # what torch.compile kept for the whole CPU does not end on a part of it
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = f"{tempfile.gettempdir()}/toi-inductor-{os.environ['ATEN_CPU_CAPABILITY']}"
os.environ["HF_HUB_OFFLINE"] = "1"  # before any library reads it: a test must not look for a network
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny models: threads that wait for each other cost more than they bring

import pytest  # noqa: E402 (behind the settings above)
from running import ROOT, here, refused, script  # noqa: E402, F401 (for the tests)

sys.path.insert(0, str(ROOT))

import toi.data.audit_picture  # noqa: E402 (both import nothing heavy)
import toi.training.run_report  # noqa: E402


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers for folders of tests (the whole suite, a room); files that are named run here, without the wait for workers."""
    folders = any(Path(str(argument).split("::")[0]).is_dir() for argument in config.args)
    return 2 if folders and (os.cpu_count() or 1) > 1 else 0


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
        named = ("<pad>", "<s>", "</s>", "<unk>", "<|endoftext|>", "[PAD]", "[CLS]", "[SEP]", "[MASK]")
        silent = [i for i, piece in enumerate(pieces) if piece in named or piece.startswith("<extra_id_")]
        embeddings = checkpoint.model.get_output_embeddings().weight  # those of the input, too, or not
        embeddings[silent] = 0
        embeddings[len(pieces) :] = 0
        embeddings[[i for i, piece in enumerate(pieces) if piece.startswith("<0x")]] *= 0.7
    return checkpoint


@pytest.fixture
def tiny_ready(tiny, tmp_path, monkeypatch):
    """A tiny model that asks, in a folder of its own, with its converted form ready beside it: it writes without torch."""
    from toi.data.tasks import Task
    from toi.decoding.decoder import Decoder
    from toi.decoding.options import DecodingOptions
    from toi.models.checkpoint import save
    from toi.models.ready import load_noted

    monkeypatch.setattr("toi.models.ready.may_have_accelerator", lambda: False)
    checkpoint = load_speaking(tiny)
    save(tmp_path / "model", checkpoint.model, checkpoint.tokenizer, Task.named("aqg"), {}, {})
    settle(tmp_path / "model")
    decoder = Decoder(load_noted(str(tmp_path / "model")))
    list(decoder.decode(["桃"], DecodingOptions(max_target_length=2)))
    return tmp_path / "model"


def settle(folder: Path) -> None:
    """Let the files of a folder be an hour old."""
    for path in folder.iterdir():
        before = path.stat().st_mtime_ns - 3600 * 10**9
        os.utime(path, ns=(before, before))


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


@pytest.fixture(scope="session")
def raw_files(tmp_path_factory):
    """A training file of 40 articles and a test file of 5. Only to be read."""
    folder, paths = tmp_path_factory.mktemp("raw"), []
    for name, count, prefix in (("train", 40, "町"), ("test", 5, "村")):
        path = folder / f"{name}.json"
        path.write_text(json.dumps(town_articles(count, prefix), ensure_ascii=False), encoding="utf-8")
        paths.append(path)
    return paths


@pytest.fixture
def squad_files(tmp_path, raw_files):
    """The raw files, to be changed."""
    return [Path(shutil.copy(path, tmp_path)) for path in raw_files]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory, raw_files):
    """The prepared data folder of a task, made once. Only to be read, which is held at the end."""
    made: dict[str, tuple[Path, dict[str, bytes]]] = {}

    def folder_of(task: str) -> Path:
        if task not in made:
            folder = prepare_folder(tmp_path_factory.mktemp("data") / "data", raw_files, task)
            made[task] = folder, contents(folder)
        return made[task][0]

    yield folder_of
    assert all(contents(folder) == before for folder, before in made.values()), "a test wrote into a data folder that all share"


@pytest.fixture(scope="session")
def data_dir(prepared):
    """A prepared AQG data folder. Only to be read."""
    return prepared("aqg")


@pytest.fixture
def own_data_dir(data_dir, tmp_path):
    """A copy of it, to be changed."""
    return shutil.copytree(data_dir, tmp_path / "data")


def prepare_folder(folder: Path, files: list[Path], task: str) -> Path:
    """Prepare a data folder in this process."""
    from toi.data.squad import SquadOptions, prepare_squad

    options = SquadOptions(train_file=str(files[0]), test_file=str(files[1]))
    prepare_squad(options, options.task(task), str(folder))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder by their names."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# Most tests make a picture that nobody looks at, and matplotlib takes longer than all the rest of them.
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)  # a PNG of one pixel
_drawing = False


def _drawn_where_asserted(draw: Callable[..., None], path_of: Callable[..., Path]) -> Callable[..., None]:
    @wraps(draw)
    def dot_or_draw(*arguments: object) -> None:
        if _drawing:
            draw(*arguments)
        else:
            path_of(*arguments).write_bytes(DOT)

    return dot_or_draw


# Before others import them by name.
toi.data.audit_picture.draw = _drawn_where_asserted(toi.data.audit_picture.draw, lambda audit, path: path)
toi.training.run_report.draw_training = _drawn_where_asserted(
    toi.training.run_report.draw_training, lambda folder, run: Path(folder) / "training.png"
)


@contextmanager
def drawing() -> Iterator[None]:
    """Within the block, `training.png` and `report.png` are real pictures."""
    global _drawing
    _drawing, before = True, _drawing
    try:
        yield
    finally:
        _drawing = before


@pytest.fixture
def draws():
    """For tests that assert what `training.png` and `report.png` are."""
    with drawing():
        yield
