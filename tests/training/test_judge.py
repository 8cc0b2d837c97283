import pytest
import torch

from toi.training.judge import as_loaded


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_model_in_training_computes_as_when_it_is_loaded(mixed, swapped, compiled):
    model = torch.nn.Linear(3, 2, bias=False)
    x = torch.ones(3)
    plain = model(x)
    if swapped:  # as toi/models/t5/fast.py does
        model.forward = lambda x: torch.nn.functional.linear(x, model.weight)
    if mixed:  # as Accelerate does
        model._original_forward = model.forward
        model.forward = lambda x: model._original_forward(x) + 1
    if compiled:  # as torch.nn.Module.compile does
        model._compiled_call_impl = lambda x: model._call_impl(x) + 2
    before, expected = dict(vars(model)), plain + mixed + 2 * compiled
    assert torch.equal(model(x), expected)
    with pytest.raises(KeyError), as_loaded(model):
        assert torch.equal(model(x), plain)
        raise KeyError
    assert torch.equal(model(x), expected)
    assert vars(model) == before
