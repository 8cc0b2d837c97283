import shutil

import pytest
import torch

from toi.models.checkpoint import load
from toi.system.errors import InputError
from toi.training.optimizer import (
    check_compiler,
    check_optimizer,
    learning_rate_share,
    make_optimizer,
    make_schedule,
    mixed_precision,
)
from toi.training.options import LearningOptions

SCHEDULE = [
    # kind, step, warm-up, total, share of the learning rate
    ("linear", 0, 0, 4, 1.0),
    ("linear", 2, 0, 4, 0.5),
    ("linear", 4, 0, 4, 0.0),
    ("linear", 0, 3, 10, 0.25),
    ("linear", 2, 3, 10, 0.75),
    ("linear", 3, 3, 10, 1.0),
    ("linear", 10, 10, 10, 0.0),
    ("linear", 99, 3, 10, 0.0),
    ("constant", 0, 3, 10, 0.25),
    ("constant", 3, 3, 10, 1.0),
    ("constant", 10, 3, 10, 1.0),
    ("cosine", 1, 3, 10, 0.5),
    ("cosine", 0, 0, 4, 1.0),
    ("cosine", 1, 0, 4, 0.5 + 0.5**1.5),
    ("cosine", 2, 0, 4, 0.5),
    ("cosine", 4, 0, 4, 0.0),
]


@pytest.mark.parametrize(("kind", "step", "warmup", "total", "expected"), SCHEDULE)
def test_the_share_of_the_learning_rate(kind, step, warmup, total, expected):
    assert learning_rate_share(kind, step, warmup, total) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["adamw", "adafactor"])
def test_no_decay_on_norms_and_position_biases(name, tiny):
    checkpoint = load(str(tiny))
    model, options = checkpoint.model, LearningOptions(optim=name, learning_rate=0.1, weight_decay=0.5)
    decayed, others = make_optimizer(model, options, checkpoint.family.undecayed).param_groups
    assert decayed["weight_decay"] == 0.5
    assert others["weight_decay"] == 0
    names = {id(p): name for name, p in model.named_parameters()}
    assert all("norm" in names[id(p)] or "relative_attention_bias" in names[id(p)] for p in others["params"])
    assert len(others["params"]) == 9  # 2 + 3 norms in the blocks, 2 final norms, 2 position biases
    assert len(decayed["params"]) + len(others["params"]) == len(names)


STEPS = [
    # optimizer, whether an adapter is trained, the learning rate, and the change of a weight that is 0 and of one that is 1
    ("adamw", 0, 0.01, (0.01, 0.01)),
    ("adamw", 4, 0.01, (0.01, 0.01)),
    ("adafactor", 0, 0.01, (0.01 * 1e-3, 0.01)),  # relative to the weights, of which 1e-3 is the least
    ("adafactor", 4, 0.01, (0.01, 0.01)),
    ("adafactor", 4, 3e-4, (3e-4, 3e-4)),
    ("sgd", 0, 0.01, (0.01 * 0.2, 0.01 * 0.2)),
    ("rmsprop", 4, 0.01, (0.1, 0.1)),  # the mean square begins with a hundredth of the gradient's
    ("adadelta", 0, 1.0, (1e-3 / 0.1**0.5, 1e-3 / 0.1**0.5)),
    ("adamw_8bit", 0, 0.01, (0.01, 0.01)),
]


@pytest.mark.parametrize(("name", "lora_r", "rate", "expected"), STEPS)
def test_the_first_step(name, lora_r, rate, expected):
    """Also of Adafactor, it is as large as the learning rate says for an adapter: B begins as zeros."""
    model = torch.nn.Module()
    model.b, model.a = (torch.nn.Parameter(torch.full((3, 5), value)) for value in (0.0, 1.0))
    optimizer = make_optimizer(model, LearningOptions(optim=name, lora_r=lora_r, learning_rate=rate, weight_decay=0.0))
    for parameter in model.parameters():
        parameter.grad = torch.full((3, 5), -0.2)
    optimizer.step()
    for parameter, before, change in zip(model.parameters(), (0.0, 1.0), expected, strict=True):
        assert (parameter.detach() - before).flatten().tolist() == pytest.approx([change] * 15, rel=1e-3)


class Nowhere:
    """An optimizer that was not built for a device."""

    def __init__(self, parameters, lr):
        pass

    def step(self):
        raise NotImplementedError("no kernel\nfor it")


class Idle(Nowhere):
    def step(self):
        pass


def test_eight_bits_run_here():
    check_optimizer("adamw_8bit", torch.device("cpu"))


@pytest.mark.parametrize(
    ("other", "said"),
    [(Nowhere, r"does not run on cpu \(no kernel\)"), (Idle, "changes no weights on cpu")],
    ids=["raises", "idle"],
)
def test_eight_bits_that_do_not_run_here(other, said, monkeypatch):
    """Said in a line before the training; other optimizers are not tried."""
    monkeypatch.setattr("bitsandbytes.optim.AdamW8bit", other)
    check_optimizer("adamw", torch.device("cpu"))
    with pytest.raises(InputError, match=rf"^--optim adamw_8bit: bitsandbytes {said}; use --optim adamw or adafactor$"):
        check_optimizer("adamw_8bit", torch.device("cpu"))


RATES = [
    # options, steps of the run, the learning rates of its first steps
    ({}, 10, [0.05, 0.1, 0.1 * 8 / 9]),  # a tenth of the steps
    ({"warmup_ratio": 0.0}, 4, [0.1, 0.075, 0.05, 0.025, 0.0]),
    ({"warmup_ratio": 0.5}, 4, [0.1 / 3, 0.2 / 3, 0.1, 0.05, 0.0]),
    ({"warmup_steps": 1, "warmup_ratio": 1.0}, 3, [0.05, 0.1, 0.05, 0.0]),  # steps count, if they are given
    ({"warmup_steps": 0}, 2, [0.1, 0.05, 0.0]),
    ({"warmup_steps": 0, "lr_scheduler_type": "constant"}, 2, [0.1, 0.1, 0.1]),
    ({"warmup_steps": 0, "lr_scheduler_type": "cosine"}, 2, [0.1, 0.05, 0.0]),
]


@pytest.mark.parametrize(("changes", "total", "expected"), RATES)
def test_the_learning_rates_of_the_options(changes, total, expected):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule, rates = make_schedule(optimizer, LearningOptions(**changes), total), []
    for _ in expected:
        rates += schedule.get_last_lr()
        optimizer.step()
        schedule.step()
    assert rates == pytest.approx(expected)


@pytest.mark.parametrize(
    ("multiplies_in_bf16", "capability", "expected"), [(True, "AVX512", "bf16"), (True, "AVX2", "no"), (False, "AVX512", "no")]
)
def test_the_precision_of_a_machine(multiplies_in_bf16, capability, expected, monkeypatch):
    """AVX2 where the processor has more is what ATEN_CPU_CAPABILITY=avx2 asks for."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: multiplies_in_bf16)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert mixed_precision("auto") == expected


def test_precision_names():
    assert mixed_precision("fp32") == "no"
    assert mixed_precision("bf16") == "bf16"
    assert mixed_precision("auto") in ("no", "bf16")


def test_fp16_is_for_gpus(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    with pytest.raises(InputError, match="fp16 needs a GPU"):
        mixed_precision("fp16")


@pytest.mark.parametrize(
    ("device", "there", "refused"),
    [("cpu", [], True), ("cpu", ["g++"], False), ("cpu", ["clang++"], False), ("cpu", ["my-c++"], False), ("cuda", [], False)],
)
def test_a_compiler_is_needed_on_cpus(device, there, refused, monkeypatch):
    monkeypatch.setenv("CXX", "my-c++")
    monkeypatch.setattr(shutil, "which", lambda name: name if name in there else None)
    if refused:
        with pytest.raises(InputError, match=r"--torch_compile needs a C\+\+ compiler here"):
            check_compiler(torch.device(device))
    else:
        check_compiler(torch.device(device))
