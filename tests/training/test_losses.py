import math

import pytest
import torch

from toi.system.errors import InputError
from toi.training.losses import backward_of, cross_entropy, focal, from_file, label_smoothing, make_loss, unlikelihood
from toi.training.options import LOSSES, PAIR_LOSSES, LearningOptions

LOGITS = torch.tensor([[[0.0, 0.0], [math.log(3), 0.0]], [[0.0, math.log(9)], [5.0, -5.0]]])  # (2, 2, 2)
CASES = [
    ([[0, 0], [1, -100]], math.log(2) + math.log(4 / 3) + math.log(10 / 9)),
    ([[-100, -100], [-100, -100]], 0.0),
    ([[1, -100], [-100, -100]], math.log(2)),
]


@pytest.mark.parametrize(("labels", "expected"), CASES)
def test_cross_entropy_is_summed(labels, expected):
    assert cross_entropy(LOGITS, torch.tensor(labels)).item() == pytest.approx(expected, abs=1e-6)


def test_label_smoothing():
    labels = torch.tensor([[0, 0], [1, -100]])
    assert label_smoothing(0.0)(LOGITS, labels).item() == pytest.approx(cross_entropy(LOGITS, labels).item())
    # 0.8 of the target on the label and 0.1 on each of the two
    expected = math.log(2) + 0.9 * math.log(4 / 3) + 0.1 * math.log(4) + 0.9 * math.log(10 / 9) + 0.1 * math.log(10)
    assert label_smoothing(0.2)(LOGITS, labels).item() == pytest.approx(expected, rel=1e-6)


def test_loss_of_half_precision_logits_is_summed_in_single():
    logits = torch.randn(4, 8, 50, generator=torch.Generator().manual_seed(0)).bfloat16()
    assert cross_entropy(logits, torch.zeros(4, 8, dtype=torch.long)).dtype == torch.float32


def test_focal():
    labels = torch.tensor([[0, 0], [1, -100]])
    assert focal(0.0)(LOGITS, labels, None).item() == pytest.approx(cross_entropy(LOGITS, labels).item(), rel=1e-6)
    expected = 0.5**2 * math.log(2) + 0.25**2 * math.log(4 / 3) + 0.1**2 * math.log(10 / 9)
    assert focal(2.0)(LOGITS, labels, None).item() == pytest.approx(expected, rel=1e-5)


UNLIKELY = [
    # targets, the penalty of uniform probabilities over 4 tokens, in units of -log(3/4)
    ([[1, 2, 3]], 3),  # nothing; 1; 1 and 2
    ([[1, 1, 1]], 0),  # the right token is no candidate
    ([[1, 2, 1]], 2),  # nothing; 1; 2
    ([[1, 1, 2]], 1),  # 1 came twice and is one candidate
    ([[1, -100, -100]], 0),
    ([[1, 2, -100], [3, 3, 1]], 2),
]


@pytest.mark.parametrize(("labels", "count"), UNLIKELY)
def test_unlikelihood(labels, count):
    labels = torch.tensor(labels)
    logits = torch.zeros(*labels.shape, 4, requires_grad=True)
    plain = cross_entropy(logits, labels)
    loss = unlikelihood(0.5)(logits, labels, None)
    assert loss.item() == pytest.approx(plain.item() - 0.5 * count * math.log(3 / 4), rel=1e-6)
    loss.backward()
    assert logits.grad.isfinite().all()


NAMED = [
    # --loss, its option, that option's default and another value, what is computed with a value
    ("cross_entropy", None, None, None, lambda _: cross_entropy),
    ("label_smoothing", "label_smoothing_factor", 0.1, 0.3, label_smoothing),
    ("focal", "focal_gamma", 2.0, 0.5, focal),
    ("unlikelihood", "unlikelihood_alpha", 1.0, 0.25, unlikelihood),
]


@pytest.mark.parametrize(("name", "option", "default", "other", "function"), NAMED)
def test_the_names_of_losses_and_their_options(name, option, default, other, function):
    logits, labels = (
        torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0)),
        torch.tensor([[0, 3, 1, 0, 6], [2, 2, 5, -100, -100]]),
    )

    def value(loss):
        return loss(logits, labels, None).item()

    everything = {other_option: 0.77 for _, other_option, *_ in NAMED if other_option not in (None, option)}
    made = make_loss(LearningOptions(loss=name, **everything))  # options of other losses have no say
    assert value(made) == value(function(default))
    assert getattr(made, "by_token", False) == getattr(function(default), "by_token", False)
    if option is not None:
        assert value(make_loss(LearningOptions(loss=name, **{option: other}))) == value(function(other)) != value(function(default))
    names = [each for each in LOSSES if each not in (*PAIR_LOSSES, "choice")]  # those: test_preference.py, test_chosen.py
    values = [value(make_loss(LearningOptions(loss=each))) for each in names]
    assert sum(one == value(made) for one in values) == 1  # no two names mean the same
    assert set(names) == {row[0] for row in NAMED}


def test_a_loss_of_ones_own(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "def half(logits, labels, batch):\n    return logits.sum() / 2\n\ndef bad(logits, labels, batch):\n    return 3.0\n"
    )
    assert from_file(f"{path}:half")(torch.ones(1, 2, 3), torch.zeros(1, 2), None).item() == 3.0
    with pytest.raises(InputError, match="must return one number"):
        from_file(f"{path}:bad")(torch.ones(1, 2, 3), torch.zeros(1, 2), None)
    with pytest.raises(InputError, match="has no function 'none'"):
        from_file(f"{path}:none")
    with pytest.raises(InputError, match="no such file"):
        from_file(f"{tmp_path}/no.py:half")
    path.write_text("import nothing_like_this\n")
    with pytest.raises(InputError, match=r"cannot be run .ModuleNotFoundError"):
        from_file(f"{path}:half")


ARGUMENTS = [
    ("def f(logits, labels):\n    pass", "own.py:1: it takes (logits, labels) (too many positional arguments)"),
    ("\ndef f(logits, labels, batch, more):\n    pass", "own.py:2: it takes (logits, labels, batch, more) (missing a required"),
    ("def f(*, logits, labels, batch):\n    pass", "own.py:1: it takes (*, logits, labels, batch)"),
]


@pytest.mark.parametrize(("code", "message"), ARGUMENTS)
def test_other_arguments_are_said_before_the_training(code, message, tmp_path):
    (tmp_path / "own.py").write_text(code)
    with pytest.raises(InputError) as error:
        from_file(f"{tmp_path / 'own.py'}:f")
    assert message in str(error.value)
    assert str(error.value).endswith("; wanted is f(logits, labels, batch) -> the sum over the target tokens")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("signature", ["logits, labels, batch=None", "*arguments", "a, b, c, d=1"])
def test_other_arguments_that_fit(signature, tmp_path):
    (tmp_path / "own.py").write_text(f"def f({signature}):\n    return {{}}['x']")
    with pytest.raises(InputError, match="KeyError: 'x'"):
        from_file(f"{tmp_path / 'own.py'}:f")(LOGITS, torch.zeros(2, 2), None)


def test_a_loss_that_raises(tmp_path):
    """Its own lines are shown, those of another file beside it too; neither ours nor those of torch."""
    path = tmp_path / "own.py"
    (tmp_path / "beside.py").write_text("def flat(logits, then):\n    return then(logits.flatten(0, 1))\n")
    path.write_text(
        f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nfrom beside import flat\nfrom torch.nn import functional\n"
        "def f(logits, labels, batch):\n    return flat(logits, lambda flat: functional.cross_entropy(flat, labels))\n"
    )
    with pytest.raises(InputError) as error:
        from_file(f"{path}:f")(LOGITS, torch.zeros(2, 2, dtype=torch.long), None)
    first, *lines = str(error.value).splitlines()
    assert first.startswith(f"--loss {path}:f: {path}:6: ValueError: Expected input batch_size (4) to match target")
    assert first.endswith("; wanted is f(logits, labels, batch) -> the sum over the target tokens")
    places = [line.strip() for line in lines if line.startswith("  File")]
    own, beside = f'File "{path}", line 6, in ', f'File "{tmp_path / "beside.py"}", line 2, in flat'
    assert places == [own + "f", beside, own + "<lambda>"]


WRONG = """import torch

class Bad(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.sum()

    @staticmethod
    def backward(ctx, gradient):
        return gradient / (1 // 0)

def own(logits, labels, batch):
    return Bad.apply(logits)

def over_its_own(logits, labels, batch):
    p = logits.exp()
    p += 1
    return p.sum()

def over_the_logits(logits, labels, batch):
    logits += 1
    return logits.sum()

def right(logits, labels, batch):
    return logits.sum()
"""
_WRITTEN_OVER = "RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation"
BACKWARD = [
    ("own", ":10: in the backward pass, ZeroDivisionError: integer division or modulo by zero; wanted is own(", 1),
    ("over_its_own", f": in the backward pass, {_WRITTEN_OVER}", 0),
    ("over_the_logits", f": in the backward pass, {_WRITTEN_OVER}", 0),
]


@pytest.mark.parametrize(("name", "said", "frames"), BACKWARD)
def test_a_loss_whose_backward_raises(name, said, frames, tmp_path):
    """Said as what its forward raises, also where torch finds out later, in the backward of the model."""
    path = tmp_path / "own.py"
    path.write_text(WRONG)
    loss = from_file(f"{path}:{name}")
    weight = LOGITS.clone().requires_grad_()
    value = loss(weight.tanh(), torch.zeros(2, 2), None)  # tanh needs what it gave
    with pytest.raises(InputError) as error, backward_of(loss):
        value.backward()
    first, *own = str(error.value).splitlines()
    assert first.startswith(f"--loss {path}:{name}: {path}{said}")
    assert len([line for line in own if line.startswith("  File")]) == frames


@pytest.mark.parametrize("raised", [ValueError("of the model"), MemoryError()])
def test_what_the_backward_of_a_model_raises_is_not_said_of_the_loss(raised, tmp_path):
    class Model(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, gradient):
            raise raised

    (tmp_path / "own.py").write_text(WRONG)
    loss = from_file(f"{tmp_path / 'own.py'}:right")
    value = loss(Model.apply(LOGITS.clone().requires_grad_()), torch.zeros(2, 2), None)
    with pytest.raises(type(raised)) as error, backward_of(loss):
        value.backward()
    assert error.value is raised


def test_a_loss_from_which_nothing_is_learnt(tmp_path):
    (tmp_path / "own.py").write_text("import torch\ndef f(logits, labels, batch):\n    return torch.tensor(logits.sum().item())\n")
    loss = from_file(f"{tmp_path / 'own.py'}:f")
    with pytest.raises(InputError, match="must depend on the logits"):
        loss(LOGITS.clone().requires_grad_(), torch.zeros(2, 2), None)
    with torch.no_grad():
        assert loss(LOGITS, torch.zeros(2, 2), None).ndim == 0


CANNOT_BE_RUN = [
    ("\ndef f(:\n", "own.py:2 cannot be run (SyntaxError: invalid syntax", "    def f(:"),
    ("x = 1\ny = x / 0\n", "own.py:2 cannot be run (ZeroDivisionError: division by zero)", "    y = x / 0"),
    ("import sys\nsys.exit('usage')\n", "own.py:2 cannot be run (SystemExit: usage)", "    sys.exit('usage')"),
    ("raise ValueError('one\\ntwo')\n", "own.py:1 cannot be run (ValueError: one)", "    raise ValueError('one\\ntwo')"),
]


@pytest.mark.parametrize(("code", "message", "line"), CANNOT_BE_RUN)
def test_a_file_that_cannot_be_run(code, message, line, tmp_path):
    (tmp_path / "own.py").write_text(code)
    with pytest.raises(InputError) as error:
        from_file(f"{tmp_path / 'own.py'}:f")
    first, *lines = str(error.value).splitlines()
    assert message in first
    assert line in lines
    assert not [shown for shown in lines if "losses.py" in shown or "importlib" in shown]
