import pytest
import torch

from toi.models.products import Product, product


@pytest.mark.parametrize(("rows", "inner", "outer"), [(1, 3, 2), (0, 3, 2), (129, 130, 131), (300, 96, 128)])
def test_product_is_that_of_torch(rows, inner, outer):
    """Below and above what oneDNN is called for, and with transposed views on either side."""
    torch.manual_seed(0)
    x, weight = torch.randn(rows, inner), torch.randn(outer, inner)
    expected = (x.double() @ weight.double().T).float()
    for left in (x, x.T.contiguous().T):
        for right in (weight, weight.T.contiguous().T):
            torch.testing.assert_close(product(left, right), expected, rtol=1e-5, atol=1e-4)
    low = product(x.bfloat16(), weight.bfloat16())
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(low.float(), expected, rtol=2e-2, atol=0.5)


@pytest.mark.parametrize("needed", [(True, True), (True, False), (False, True)])
def test_gradients_are_those_of_torch(needed):
    torch.manual_seed(0)
    found = []
    x, weight, gradient = torch.randn(200, 128), torch.randn(160, 128), torch.randn(200, 160)
    for multiply in (Product.apply, lambda a, b: a @ b.T):
        inputs = [tensor.clone().requires_grad_(wants) for tensor, wants in zip((x, weight), needed, strict=True)]
        multiply(*inputs).backward(gradient)
        found.append([tensor.grad for tensor in inputs])
    for ours, theirs in zip(*found, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-4)
            assert ours.is_contiguous()
