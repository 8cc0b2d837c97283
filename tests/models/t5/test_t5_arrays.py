import numpy
import pytest
import torch
from test_t5_steps import BEAMS, GREEDY, KINDS, SAMPLES, Ids, make

from toi.models.t5.arrays import ArraySteps, T5Arrays, buckets
from toi.models.t5.family import T5Family
from toi.models.t5.quick import QuickT5
from toi.models.t5.steps import bias_of_distances

COMPUTED = [kind for kind in KINDS if kind != "one layer, other act"]  # numpy has no error function for "gelu"


def arrays(model):
    facts = T5Family(Ids(), model.config).facts(model)
    weights = {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}
    return T5Arrays(weights, facts["settings"])


@pytest.mark.parametrize("kind", COMPUTED)
@pytest.mark.parametrize("choices", [BEAMS, SAMPLES, GREEDY, [*BEAMS, *[[1, 0]] * 40]], ids=["beams", "samples", "greedy", "long"])
@torch.inference_mode()
def test_logits_are_those_of_transformers(kind, choices):
    model = make(kind)
    generator = torch.Generator().manual_seed(5)
    sources = [torch.randint(2, 40, (length,), generator=generator).tolist() for length in (9, 1, 4)]
    steps = ArraySteps(arrays(model), sources, 0)
    of_output, written = torch.arange(3), torch.zeros(3, 1, dtype=torch.long)
    for step, chosen in enumerate([*choices, None]):
        logits = steps.step(written[:, -1].numpy()) if step else steps.start()
        assert logits.dtype == numpy.float32
        for output, source in enumerate(of_output.tolist() if step < 6 or step > 40 else ()):
            expected = model(input_ids=torch.tensor([sources[source]]), decoder_input_ids=written[output : output + 1]).logits
            assert numpy.allclose(logits[output], expected[0, -1].numpy(), atol=2e-5)
        if chosen is not None:
            steps.select(numpy.array(chosen))
            tokens = torch.randint(2, 40, (len(chosen), 1), generator=generator)
            of_output, written = of_output[chosen], torch.cat([written[chosen], tokens], dim=1)


@pytest.mark.parametrize(("count", "longest"), [(32, 128), (8, 9), (32, 20), (64, 512), (4, 128)])
def test_buckets_are_those_of_transformers(count, longest):
    from transformers.models.t5.modeling_t5 import T5Attention

    distances = torch.arange(-3000, 3001)
    for both in (True, False):
        theirs = T5Attention._relative_position_bucket(distances, both, count, longest)
        assert buckets(distances.numpy(), both, count, longest).tolist() == theirs.tolist()


def test_bias(tmp_path):
    model = make("few buckets")
    distances = torch.arange(-40, 1)
    theirs = bias_of_distances(model.decoder.block[0].layer[0].SelfAttention, distances)
    assert numpy.allclose(arrays(model).bias("decoder", distances.numpy()), theirs.detach().numpy())


def test_a_family_says_what_numpy_can_compute(tmp_path):
    made = {kind: T5Family(Ids(), make(kind).config).facts(make(kind)) for kind in KINDS}
    assert {kind for kind, facts in made.items() if facts["settings"] is None} == {"one layer, other act"}
    assert {facts["kind"] for facts in made.values()} == {"t5"}
    assert [QuickT5(Ids(), facts).computes for facts in made.values()] == [True, True, False, True, True]
    model = make("T5 1.0")
    model.config.model_type = "bart"
    assert T5Family(Ids(), model.config).facts(model) is None


@pytest.mark.parametrize("kind", COMPUTED)
@pytest.mark.parametrize("half", [False, True])
def test_a_file_of_weights_as_transformers_saves_it(kind, half, tmp_path):
    model = make(kind)
    if half:
        model = model.half()
    model.save_pretrained(tmp_path)
    model = model.float()
    family = T5Family(Ids(), model.config)
    quick = QuickT5(Ids(), family.facts(model))
    sources = [[5, 6, 7, 1], [8, 1]]
    with torch.inference_mode():
        expected = family.begin(model, sources).start()
    assert numpy.allclose(quick.begin(quick.load(tmp_path), sources).start(), expected.numpy(), atol=2e-5)
