from types import SimpleNamespace

import pytest
from tiny_causal import make_gpt2

from toi.data.examples import Row
from toi.data.tasks import INSTRUCTIONS, Task
from toi.models.chat_templates import chat_template
from toi.models.counting import CountingTokenizer, counting_tokenizer
from toi.models.tokenizer_files import load_tokenizer
from toi.system.errors import InputError

TEXTS = ["山梨県", "山<hl>梨<hl>県", "", "鬱金香"]


@pytest.mark.parametrize("model", ["tiny", "tiny_without_bytes"])
def test_counted_as_a_row_is_encoded(model, request):
    folder = request.getfixturevalue(model)
    counting, tokenizer = counting_tokenizer(str(folder)), load_tokenizer(folder)
    tokenizer.add("<hl>")
    found = counting.encode_batch(TEXTS)
    assert found == [[*tokenizer.encode(text), tokenizer.eos_id] for text in TEXTS]
    assert found[1].count(tokenizer.id_of("<hl>")) == 2
    assert found[2] == [tokenizer.eos_id]
    assert (counting.unk_id, counting.is_unknown("山"), counting.is_unknown("鬱")) == (tokenizer.unk_id, False, True)


@pytest.mark.parametrize(
    ("around", "expected"),
    [
        (((), (1,)), [5, 1]),
        (((), ()), [5, 9]),  # a tokenizer that says no end: rows have one
        (((2,), ()), [2, 5, 9]),
        (((2, 3), (1, 4)), [2, 3, 5, 1, 4]),
    ],
)
def test_what_stands_around_a_text_is_counted(around, expected):
    tokenizer = SimpleNamespace(
        around=around, eos_id=9, unk_id=None, fast=None, is_unknown=str.isdigit, encode_batch=lambda texts: [[5] for _ in texts]
    )
    assert CountingTokenizer(tokenizer).encode_batch(["x"]) == [expected]


def test_a_row_is_shown_as_its_model_sees_it(tiny, tmp_path):
    limits = {"source": 100, "target": 100}
    for folder, task, row, expected in (
        (tiny, Task.named("aqg-hl"), Row("1", "<hl>山梨<hl>県", "県は?"), "<hl>山梨<hl>県</s>⟦県は?</s>⟧"),
        (make_gpt2(tmp_path / "gpt2"), Task.named("plain"), Row("1", "一\n二", "三"), "一\\n二\\n⟦三<|endoftext|>⟧"),
    ):
        counting = counting_tokenizer(str(folder))
        counting.follow(task)
        assert counting.shown(row, limits).replace(" ", "") == expected
    counting = counting_tokenizer(str(tmp_path / "gpt2"))
    template = chat_template("chatml", counting.fast, None)
    counting.follow(Task("chat", "{instruction}", "{response}", INSTRUCTIONS, chat_template=template))
    prompt = template.prompt([("user", "県<|im_end|>は？")])
    shown = "<|im_start|>user\\n県<|im_end|>は？<|im_end|>\\n<|im_start|>assistant\\n⟦ない<|im_end|>⟧"
    assert counting.shown(Row("1", prompt, "ない"), limits) == shown
    (ids,) = counting.encode_batch([prompt])
    assert ids.count(counting.fast.convert_tokens_to_ids("<|im_end|>")) == 1
    (tmp_path / "gpt2" / "config.json").unlink()
    unknown = counting_tokenizer(str(tmp_path / "gpt2"))
    unknown.follow(Task.named("plain"))
    assert unknown.shown(Row("1", "一", "二"), limits) is None


def test_no_tokenizer(tmp_path):
    assert counting_tokenizer(None) is None
    with pytest.raises(InputError, match=r"neither spiece\.model nor tokenizer\.json"):
        counting_tokenizer(str(tmp_path))
