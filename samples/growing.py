"""A larger model takes over what a smaller one has learnt: it says the same, and has room to learn more (Net2Net, Chen et al. 2016)."""

from collections.abc import Sequence

from torch import nn


def grow_layers(layers: Sequence[nn.Module], smaller: Sequence[nn.Module], writing: tuple[str, ...]) -> None:
    """Give layers what fewer, or narrower ones, have learnt.

    New layers stand among the old ones and write nothing yet, as do new units of a feed-forward layer: their output matrices, whose
    names end in one of `writing`, are 0.
    """
    places = [i * len(layers) // len(smaller) for i in range(len(smaller))]
    for i, layer in enumerate(layers):
        before = smaller[max(j for j, place in enumerate(places) if place <= i)]
        for name, parameter in layer.named_parameters():
            known = before.get_parameter(name).data
            if name.endswith(writing):  # of attention and of the feed-forward layer
                parameter.data.zero_()
                if i in places:
                    parameter.data[:, : known.shape[1]] = known
            else:
                parameter.data[: known.shape[0]] = known
