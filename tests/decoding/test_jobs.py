import math

import pytest

from toi.decoding.jobs import Job, Output, Stage, Text, job_batches
from toi.decoding.plan import Candidate, SearchPlan

ONE = SearchPlan(beams=2, max_length=9)
THREE = SearchPlan(beams=4, max_length=9, num_hypotheses=4, samples=3, length_penalty=1.0)


def job(plan=ONE, index=0, length=1):
    return Job(index, [5] * length, (), plan, plan)


def take(job, *texts, banned=()):
    """Give a job the outputs of a search: of two tokens, the likeliest first."""
    job.take([Candidate((7, 1), -float(i + 1), 0.0) for i in range(len(texts))], texts, banned)


def state(job):
    return job.stage, job.done, [text.text for text in job.texts.values()]


FREE, WELL_FORMED, WITHOUT_WORDS = Stage
# What searches find one after another, with 桃 banned; the stage, whether it is done, and what is kept behind each.
STAGES = [
    [(["梨は?"], (FREE, True, ["梨は?"]))],
    [([""], (FREE, True, [""]))],  # an empty output is one, at first
    [([], (FREE, True, []))],
    [(["桃は?"], (WITHOUT_WORDS, False, [])), (["梨は?"], (WITHOUT_WORDS, True, ["梨は?"]))],
    [(["桃は?"], (WITHOUT_WORDS, False, [])), ([], (WITHOUT_WORDS, True, []))],
    [(["桃は?"], (WITHOUT_WORDS, False, [])), (["桃?"], (WITHOUT_WORDS, True, []))],  # a leak of the search is not shown
    [(["桃は?"], (WITHOUT_WORDS, False, [])), ([""], (WITHOUT_WORDS, True, []))],  # nor nothing
    [(["\ufffdは?"], (WELL_FORMED, False, [])), (["梨は?"], (WELL_FORMED, True, ["梨は?"]))],
    [(["\ufffdは?"], (WELL_FORMED, False, [])), (["\ufffd"], (WELL_FORMED, True, []))],
    [
        (["\ufffd桃"], (WELL_FORMED, False, [])),
        (["桃"], (WITHOUT_WORDS, False, [])),
        (["梨"], (WITHOUT_WORDS, True, ["梨"])),
    ],
]


@pytest.mark.parametrize("searches", STAGES)
def test_stages(searches):
    one = job()
    for found, expected in searches:
        take(one, *found, banned=["桃"])
        assert state(one) == expected
        assert one.plan == ONE
        assert one.constrained == (one.stage > FREE)


def test_several_outputs_that_differ():
    several = job(THREE)
    take(several, "梨は?", "梨は？", "", " 梨は?")
    assert state(several) == (FREE, False, ["梨は?"])  # one text, however it is written
    assert (several.plan.beams, several.plan.num_hypotheses, several.rounds) == (8, 8, 1)
    take(several, "梨は?", "何が梨?", "柿は?", "桜は?")
    assert state(several) == (FREE, True, ["梨は?", "何が梨?", "柿は?"])


def test_after_three_wider_searches_there_are_no_more():
    several = job(THREE)
    for beams in (8, 16, 32):
        take(several, "梨は?")
        assert (several.plan.beams, several.done) == (beams, False)
    take(several, "梨は?")
    assert state(several) == (FREE, True, ["梨は?"])


def test_what_was_clean_stays_when_a_stage_begins():
    several = job(THREE)
    take(several, "梨は?", "桃は?", "柿は?", banned=["桃"])
    assert state(several) == (WITHOUT_WORDS, False, ["梨は?", "柿は?"])
    assert (several.plan, several.rounds) == (THREE, 0)
    take(several, "桃?", banned=["桃"])
    assert several.plan.beams == 8
    take(several, "桃?", "桜は?", banned=["桃"])
    assert state(several) == (WITHOUT_WORDS, True, ["梨は?", "柿は?", "桜は?"])


def test_the_output():
    several = job(THREE)
    several.take(
        [Candidate((7, 8, 9, 1), -4.0, 0.0), Candidate((7, 1), -1.0, 0.0), Candidate((1,), -3.0, 0.0)], ["a", "b", "c"], ()
    )
    assert several.output == Output("b", -0.5, (Text("b", -0.5, -1.0), Text("a", -1.0, -4.0), Text("c", -3.0, -3.0)), False)
    nothing = job()
    take(nothing, "桃", banned=["桃"])
    take(nothing, banned=["桃"])
    assert nothing.output == Output(None, -math.inf, (), True)


def test_batches_of_one_plan_and_like_length():
    jobs = [
        job(plan, i, length) for i, (plan, length) in enumerate([(ONE, 2), (THREE, 9), (ONE, 8), (ONE, 7), (ONE, 2), (THREE, 1)])
    ]
    batches = [[one.index for one in batch] for batch in job_batches(jobs[::-1], 2, 100)]
    assert sorted(batches) == [[0, 4], [1, 5], [2, 3]]
    batches = [[one.index for one in batch] for batch in job_batches(jobs, 9, 16)]
    assert batches == [[2, 3], [0, 4], [1], [5]]
    assert list(job_batches([], 2, 100)) == []


def test_sources_that_begin_alike_go_together():
    a, b = [5] * 9, [6] * 9
    sources = [[*a, 1], [*b, 1], [*a, 2, 2, 2], [*b, 2], [*a, 3], [7] * 11]
    jobs = [Job(i, ids, (), ONE, ONE) for i, ids in enumerate(sources)]
    assert [[job.index for job in batch] for batch in job_batches(jobs, 3, 1000, alike=True)] == [[0, 2, 4], [5, 1, 3]]
    assert [[job.index for job in batch] for batch in job_batches(jobs, 3, 1000)] == [[2, 5, 0], [1, 3, 4]]
    # What sources of a batch begin with counts once: 10 + 3 + 1 tokens, 11 + 10, 10 + 1, 10 + 1.
    assert [[job.index for job in batch] for batch in job_batches(jobs, 3, 14, alike=True)] == [[0, 2, 4], [5], [1, 3]]
    assert [[job.index for job in batch] for batch in job_batches(jobs, 3, 13, alike=True)] == [[0, 2], [4], [5], [1, 3]]
    assert [[job.index for job in batch] for batch in job_batches(jobs, 3, 9, alike=True)] == [[0], [2], [4], [5], [1], [3]]
