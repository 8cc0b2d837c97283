import pytest

from toi.decoding.options import DecodingOptions, NBestOptions
from toi.decoding.plan import SearchPlan


@pytest.mark.parametrize(
    ("options", "beams", "groups", "hypotheses"),
    [
        (DecodingOptions(), 4, 1, 1),
        (NBestOptions(num_beams=10, num_return_sequences=3), 10, 1, 10),
        (NBestOptions(num_return_sequences=5), 5, 1, 5),
        (NBestOptions(num_return_sequences=5, do_sample=True), 4, 1, 4),
        (NBestOptions(num_beams=6, num_beam_groups=3, num_return_sequences=7, diversity_penalty=1.0), 9, 3, 9),
        (NBestOptions(num_return_sequences=3, diversity_penalty=1.0), 6, 3, 6),
        (NBestOptions(num_return_sequences=10, diversity_penalty=1.0), 10, 10, 10),
        (NBestOptions(num_beams=6, num_beam_groups=2, diversity_penalty=1.0), 6, 2, 1),
    ],
)
def test_plan(options, beams, groups, hypotheses):
    plan = SearchPlan.of(options, 20)
    assert (plan.beams, plan.groups, plan.num_hypotheses, plan.max_length) == (beams, groups, hypotheses, 20)


def test_every_option_reaches_the_plan():
    changed = {
        "length_penalty": 0.3, "repetition_penalty": 1.5, "no_repeat_ngram_size": 2, "do_sample": True, "temperature": 0.7,
        "top_k": 7, "top_p": 0.8, "seed": 9, "diversity_penalty": 0.4,
    }  # fmt: skip
    plain, plan = SearchPlan.of(NBestOptions(), 20), SearchPlan.of(NBestOptions(num_return_sequences=3, **changed), 20)
    for name, value in changed.items():
        assert getattr(plan, name) == value != getattr(plain, name), name
    assert (plan.samples, plain.samples) == (3, 1)


@pytest.mark.parametrize(
    ("plan", "wider"),
    [
        (SearchPlan(beams=4, num_hypotheses=4), SearchPlan(beams=8, num_hypotheses=8)),
        (SearchPlan(beams=6, groups=3, num_hypotheses=6), SearchPlan(beams=12, groups=3, num_hypotheses=12)),
        (SearchPlan(do_sample=True, samples=5), SearchPlan(do_sample=True, samples=5, first=5)),
        (SearchPlan(do_sample=True, samples=5, first=5), SearchPlan(do_sample=True, samples=5, first=10)),
    ],
)
def test_wider(plan, wider):
    assert plan.wider() == wider
