import shutil
import stat

import pytest
import torch
from conftest import load_speaking

from toi.decoding import conversion
from toi.decoding.ctranslate import Translator, expressible, obstacle
from toi.decoding.decoder import Decoder
from toi.decoding.jobs import Job
from toi.decoding.options import DecodingOptions
from toi.decoding.plan import SearchPlan as Plan
from toi.decoding.search import search
from toi.models.checkpoint import load
from toi.models.family import Limits
from toi.system.errors import InputError

SOURCES = [
    f"answer: {a} context: 山梨県の県庁所在地は{a}です。" * n for n, a in enumerate(("甲府市", "白浜市", "霧沢一", "桃", "医師"), 1)
]


@pytest.fixture
def checkpoint(tiny, tmp_path):
    shutil.copytree(tiny, tmp_path / "model")
    found = load_speaking(tmp_path / "model")
    found.model.eval()
    return found


def job(ids, plan):
    return Job(0, ids, (), plan, plan)


def converted(checkpoint):
    return conversion.converted(checkpoint, checkpoint.fingerprint())


@pytest.mark.parametrize(
    "plan",
    [
        Plan(beams=1, max_length=12),
        Plan(beams=4, max_length=12),
        Plan(beams=10, max_length=9),
        Plan(beams=3, max_length=20),
    ],
)
@pytest.mark.parametrize("seed", [0, 2])
def test_both_engines_find_the_same(tiny, tiny_without_bytes, tmp_path, plan, seed):
    assert expressible(plan)
    shutil.copytree(tiny_without_bytes if seed == 2 else tiny, tmp_path / "model")
    checkpoint = load_speaking(tmp_path / "model", seed)
    checkpoint.model.eval()
    sources = [row.source for row in checkpoint.family.encode(SOURCES, None, Limits(512, 64))]
    ours = search(checkpoint.family, checkpoint.model, sources, plan)
    translator = Translator(checkpoint, checkpoint.fingerprint(), "float32", 1)
    ((_, theirs),) = translator.search_batches([[job(ids, plan) for ids in sources]])
    for a, b in zip(ours, theirs, strict=True):
        assert [candidate.ids for candidate in a[: plan.num_hypotheses]] == [candidate.ids for candidate in b]
        for one, other in zip(a, b, strict=False):
            assert (one.log_prob, one.rank) == pytest.approx((other.log_prob, other.rank), abs=1e-4)


@pytest.mark.parametrize(
    "plan",
    [
        Plan(groups=2, diversity_penalty=1.0),
        Plan(do_sample=True),
        Plan(repetition_penalty=1.2),
        Plan(no_repeat_ngram_size=3),
        Plan(num_hypotheses=4),
        Plan(length_penalty=1.0),
    ],
)
def test_what_it_does_otherwise_is_left_to_torch(plan):
    assert not expressible(plan)


def test_converted_once_and_again_when_the_weights_change(checkpoint, tmp_path):
    folder = converted(checkpoint)
    assert folder == tmp_path / "model.ctranslate2"
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.bin", "shared_vocabulary.json", "toi.json"}
    made = (folder / "model.bin").stat().st_mtime_ns
    assert converted(checkpoint) == folder
    assert (folder / "model.bin").stat().st_mtime_ns == made
    key = (folder / "toi.json").read_text()
    with torch.no_grad():
        next(checkpoint.model.parameters())[3] += 0.5
    converted(checkpoint)
    assert (folder / "toi.json").read_text() != key
    (folder / "toi.json").write_text("{")  # damaged: made anew
    converted(checkpoint)
    assert (folder / "toi.json").read_text() != "{"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "model.ctranslate2"]


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garble(path):
    path.write_bytes(b"\x00" * path.stat().st_size)


DAMAGE = [
    ("model.bin", cut),
    ("model.bin", lambda path: path.unlink()),
    ("model.bin", lambda path: path.write_bytes(b"")),
    ("model.bin", garble),
    ("shared_vocabulary.json", lambda path: path.write_bytes(b"")),
    ("shared_vocabulary.json", lambda path: path.unlink()),
    ("config.json", cut),
    ("config.json", lambda path: path.write_text("null")),
    ("toi.json", lambda path: path.write_text('{"key": 1}')),
    ("toi.json", lambda path: path.write_text("[]")),
    ("toi.json", lambda path: path.write_text(path.read_text().replace("ctranslate2 ", "ctranslate2 3."))),
]


def test_a_damaged_conversion_is_made_anew(checkpoint):
    folder = converted(checkpoint)
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    fingerprint = checkpoint.fingerprint()
    for name, damage in DAMAGE:
        damage(folder / name)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} != whole
        Translator(checkpoint, fingerprint, "float32", 1)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole, (name, damage)


def test_where_the_place_beside_the_model_cannot_be_written(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(conversion.os, "access", lambda *_: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = converted(checkpoint)
    assert folder.parent == tmp_path / "cache" / "toi"
    assert folder.stat().st_mode & stat.S_IRUSR
    assert not (tmp_path / "model.ctranslate2").exists()


def test_models_that_it_does_not_know(checkpoint):
    assert obstacle(checkpoint) is None
    checkpoint.model.config.model_type = "bart"
    assert "a bart model is not converted" in obstacle(checkpoint)


def test_scores_and_texts_of_the_engines(checkpoint):
    found = {}
    for backend in ("torch", "ctranslate2"):
        decoder = Decoder(checkpoint)
        found[backend] = dict(decoder.decode(SOURCES, DecodingOptions(backend=backend, max_target_length=10)))
        assert decoder.engine == f"{backend} float32"
    for i in range(len(SOURCES)):
        assert found["torch"][i].text == found["ctranslate2"][i].text
        assert found["torch"][i].score == pytest.approx(found["ctranslate2"][i].score, abs=1e-4)


def test_models_whose_outputs_are_not_scaled(tmp_path, tiny):
    """T5 v1.1 and mT5: the loader of CTranslate2 would scale them, as transformers 5 ties all embeddings."""
    import json

    shutil.copytree(tiny, tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(
        json.dumps({**config, "scale_decoder_outputs": False, "feed_forward_proj": "gated-gelu", "dense_act_fn": "gelu_new"})
    )
    from transformers import AutoConfig, AutoModelForSeq2SeqLM

    torch.manual_seed(0)
    AutoModelForSeq2SeqLM.from_config(AutoConfig.from_pretrained(tmp_path / "model")).save_pretrained(tmp_path / "model")
    checkpoint = load(str(tmp_path / "model"))
    scores = []
    for backend in ("torch", "ctranslate2"):
        outputs = Decoder(checkpoint).decode(SOURCES, DecodingOptions(backend=backend, max_target_length=8))
        scores.append([output.score for _, output in sorted(outputs)])
    assert scores[0] == pytest.approx(scores[1], abs=1e-4)


def test_batches_are_halved_where_memory_is_short():
    class Future:
        def __init__(self, size, number):
            self.size, self.number = size, number

        def result(self):
            if self.size > 2:
                raise RuntimeError("CUDA failed with error out of memory")
            return type("Result", (), {"hypotheses": [[self.number, "1"]], "scores": [-1.0]})

    class Fake:
        def translate_batch(self, sources, **options):
            return [Future(len(sources), source[0]) for source in sources]

    translator = Translator.__new__(Translator)
    translator._translator, translator._threads = Fake(), 1
    plan = Plan(beams=1, length_penalty=0.0)
    batches = list(translator.search_batches([[job([n], plan) for n in range(5)]]))
    assert [len(rows) for rows, _ in batches] == [2, 1, 2]
    assert [candidates[0].ids for _, found in batches for candidates in found] == [(n, 1) for n in range(5)]
    with pytest.raises(InputError, match="one source alone needs more memory"):
        translator._translator.translate_batch = lambda sources, **options: [Future(3, "0")]
        list(translator.search_batches([[job([0], plan)]]))


@pytest.mark.parametrize(
    ("rows", "batch_size", "threads", "size"),
    [(1, 9, 2, 9), (48, 32, 2, 12), (128, 32, 2, 16), (256, 32, 2, 32), (10_000, 32, 2, 32), (9_000, 32, 64, 32), (900, 8, 2, 8)],
)
def test_every_thread_gets_several_batches(rows, batch_size, threads, size):
    translator = object.__new__(Translator)
    translator._threads = threads
    assert translator.fair_size(rows, batch_size) == size
