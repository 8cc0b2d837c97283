import numpy
import pytest
import torch
from safetensors.torch import save_file

from toi.models.weights import read_weights
from toi.system.errors import InputError


def test_as_they_were_saved(tmp_path):
    tensors = {"a.weight": torch.randn(3, 5), "b": torch.tensor(2.5), "half": torch.randn(4).half()}
    save_file(tensors, tmp_path / "x.safetensors", metadata={"format": "pt"})
    found = read_weights(tmp_path / "x.safetensors")
    assert {name: weight.dtype for name, weight in found.items()} == {"a.weight": "<f4", "b": "<f4", "half": "<f2"}
    for name, weight in found.items():
        assert numpy.array_equal(weight, tensors[name].numpy())


def test_what_cannot_be_read(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.randn(3, 5).bfloat16()}, path)
    with pytest.raises(InputError, match=r"x\.safetensors: not readable weights in single or half precision"):
        read_weights(path)
    save_file({"a": torch.randn(3, 5)}, path)
    whole = path.read_bytes()
    for content in (b"", b"cut", whole[:8], whole[:30], whole[:-4], b"\x00" * len(whole), b"\xff" * 40):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"x\.safetensors: not readable weights") as error:
            read_weights(path)
        assert "\n" not in str(error.value)
