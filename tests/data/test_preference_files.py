"""Files of preferences that are broken: one line each, exit code 2, and nothing is written."""

import json

import pytest
from running import here, refused

HEADER = "id,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n"
GOOD = '1,"[""q""]","[""x""]","[""y""]",1,0,0\n'
USER, SAID = {"role": "user", "content": "q"}, {"role": "assistant", "content": "x"}


def rows(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


ARENA = [
    ("", "is empty"),
    (HEADER, "no rows behind the header"),
    (
        HEADER + GOOD + GOOD.replace("1,0,0", "1,1,0"),
        "a.csv:3: the vote is not one: winner_model_a 1, winner_model_b 1, winner",
    ),
    (HEADER + GOOD.replace("1,0,0", "0,0,0"), "a.csv:2: the vote is not one"),
    (HEADER + GOOD.replace("1,0,0", ",,"), "a.csv:2: the vote is not one"),
    (HEADER + GOOD.replace("1,0,0", "yes,0,0"), "a.csv:2: winner_model_a: expected 0 or 1, found 'yes'"),
    (HEADER + GOOD + GOOD.replace('"[""x""]"', "x"), "a.csv:3: response_a: expected a JSON list of turns"),
    (HEADER + GOOD + GOOD.replace('"[""x""]"', '"[""x"""'), "a.csv:3: response_a: expected a JSON list of turns"),
    (HEADER + GOOD + GOOD.replace('"[""x""]"', '"[1]"'), "a.csv:3: response_a: expected a JSON list of turns"),
    (HEADER + GOOD + GOOD.replace('"[""x""]"', "[]"), "a.csv:3: response_a: expected a JSON list of turns"),
    (HEADER + GOOD.replace('"[""x""]"', "x"), "a.csv:2: response_a: expected a JSON list of turns"),
    (HEADER + GOOD.replace('"[""x""]"', '"[""x"", ""z""]"'), "a.csv:2: response_a: 2 answers to 1 turns of prompt"),
    (HEADER + GOOD.replace('"[""q""]"', '"[""q"", ""r""]"'), "a.csv:2: response_a: 1 answers to 2 turns of prompt"),
    (HEADER + GOOD.replace('"[""y""]"', '"[""y""]'), "a.csv:2: the quote that begins here is never closed"),
    (HEADER + '1,"[""q', "a.csv:2: the quote that begins here is never closed"),
    (HEADER + '1,"[""q""]"\n', "a.csv:2: 2 cells, but line 1 has 7"),
    (HEADER + GOOD.replace("\n", ",more\n"), "a.csv:2: 8 cells, but line 1 has 7"),
    (HEADER + GOOD.replace("q", "q\\u0000"), "a.csv:2: the control character U+0000 behind 'q'"),
    (HEADER.replace("winner_model_b,", ""), "a.csv:1: no rows behind the header"),
    (HEADER.replace("winner_model_b", "x") + GOOD, "a.csv:2: no column for the vote"),
    (HEADER.replace("response_b", "x") + GOOD, "a.csv:2: no column response_b: the columns are 'id', 'prompt'"),
    (
        HEADER.replace("response_a", "answer_b") + GOOD,
        "a.csv:2: the columns 'answer_b' and 'response_b' may each be",
    ),
    (HEADER.replace("response_a", "x").replace("response_b", "y") + GOOD, "a.csv:2: no columns for answers to compare"),
    (HEADER.replace("id,", "chosen,") + GOOD, "a.csv:2: several forms of preferences at once"),
    (HEADER.replace("id,", "winner,") + GOOD, "a.csv:2: both 'winner' and 'winner_model_a' say who won"),
    (HEADER.replace("prompt", "response_a"), "a.csv:1: two columns are called 'response_a'"),
    ("%PDF-1.4", "a.csv: is a PDF"),
]
JSON = [
    ('{"prompt": "q"', "not JSON"),
    ("[]", "no records"),
    (rows({"prompt": "q", "chosen": "x"}), "r.jsonl:1: no column rejected"),
    (rows({"prompt": "q", "chosen": 1, "rejected": "y"}), "r.jsonl:1: chosen: expected a text, found a whole number"),
    (rows({"chosen": "x", "rejected": "y"}), "r.jsonl:1: chosen: no prompt: neither a column for it, nor a conversation"),
    (rows({"chosen": "\n\nHuman: q", "rejected": "\n\nHuman: q"}), "r.jsonl:1: chosen: ends with 'Human:'"),
    (rows({"chosen": "\n\nHuman: \n\nAssistant: x", "rejected": "y"}), "r.jsonl:1: chosen: a turn of 'Human:' is empty"),
    (rows({"prompt": "\n\nHuman: q\n\nAssistant: x", "chosen": "x", "rejected": "y"}), "r.jsonl:1: prompt: ends with an answer"),
    (rows({"chosen": [USER], "rejected": [USER]}), "r.jsonl:1: chosen: ends with a message of the user"),
    (rows({"chosen": [SAID, USER], "rejected": []}), "r.jsonl:1: chosen[0]: the assistant speaks before the user"),
    (rows({"chosen": [], "rejected": []}), "r.jsonl:1: chosen: no messages"),
    (rows({"chosen": [{"role": "x", "content": "y"}], "rejected": []}), "r.jsonl:1: chosen[0].role: 'x' is not known"),
    (rows({"prompt": [SAID], "chosen": "x", "rejected": "y"}), "r.jsonl:1: prompt[0]: the assistant speaks before the user"),
    (rows({"prompt": "q", "answers": ["x", "y"]}), "r.jsonl:1: answers[0]: expected a rank or a score"),
    (
        rows({"prompt": "q", "answers": ["x"], "ranks": [1]}),
        "r.jsonl:1: answers: expected a list of two answers at least",
    ),
    (
        rows({"prompt": "q", "answers": ["x", "y"], "ranks": [1]}),
        "r.jsonl:1: ranks: expected a number for each of the 2",
    ),
    (
        rows({"prompt": "q", "answers": ["x", "y"], "ranks": [1, "b"]}),
        "r.jsonl:1: ranks[1]: expected a rank or a score",
    ),
    (
        rows({"prompt": "q", "answers": [{"rank": 1}, {"rank": 2}]}),
        "r.jsonl:1: answers[0]: none of answer, response",
    ),
    (rows({"prompt": "q", "answers": ["x", 3], "scores": [1, 2]}), "r.jsonl:1: answers[1]: expected a text, or an object"),
    (rows({"answers": ["x", "y"], "scores": [1, 2]}), "r.jsonl:1: no column for the prompt"),
    (rows({"prompt": "q", "answers": ["x", "y"], "scores": [1, 2], "ranks": [1, 2]}), "r.jsonl:1: both 'ranks' and 'scores'"),
    (
        rows({"prompt": "q", "response_a": "x", "response_b": "y", "winner": "c"}),
        "r.jsonl:1: winner: expected model_a",
    ),
    (rows({"prompt": "q", "response_a": "x", "response_b": "y", "winner": 1}), "found a whole number"),
    (rows({"prompt": "q", "response_a": "x", "response_b": "y"}), "r.jsonl:1: no column for the vote"),
    (rows({"conversation_a": "x", "conversation_b": [], "winner": "a"}), "r.jsonl:1: conversation_a: expected a list of messages"),
    (rows({"prompt": "q", "chosen": "", "rejected": ""}), "nothing is left of the train split: both answers are empty (1)"),
    (rows({"prompt": "q", "chosen": "x", "rejected": "y"}), "one prompt is too few to split"),
    (rows(["x"]), "expected an object"),
]


@pytest.mark.parametrize(("text", "said"), ARENA)
def test_broken_tables(tmp_path, text, said):
    check(tmp_path / "a.csv", text, said)


@pytest.mark.parametrize(("text", "said"), JSON)
def test_broken_json(tmp_path, text, said):
    check(tmp_path / "r.jsonl", text, said)


def check(path, text, said):
    path.write_text(text, encoding="utf-8")
    line = refused(here("prepare_preferences.py", "--train_file", path, "--output_dir", path.parent / "d"))
    assert said in line
    assert not (path.parent / "d").exists()


PROBLEMS = [
    ([], "give --train_file or --dataset_name"),
    (["--train_file", "x", "--choices", "A", "B"], "--choices must be three names, or two with --ties drop, not 2"),
    (["--train_file", "x", "--choices", "A", "A", "B"], "choices: 'A' is there twice"),
    (["--train_file", "x", "--choices", "A", "score", "B"], "choices: 'score' is the name of a column of predictions"),
    (["--train_file", "x", "--kind", "pairs", "--swap"], "--swap is for --kind choice"),
    (["--train_file", "x", "--template", "plain"], "--template is for --kind pairs"),
    (["--train_file", "x", "--test_size", "0.6"], "--test_size must be from 0.01 to 0.5"),
    (["--train_file", "x", "--test_size", "0.1", "--test_file", "y"], "--test_size is for data without a test split of its own"),
    (["--train_file", "x", "--max_conversation_tokens", "9"], "--max_conversation_tokens needs --tokenizer_name_or_path"),
    (["--train_file", "x", "--max_conversation_length", "0"], "--max_conversation_length must be at least 1"),
    (["--train_file", "x", "--source_template", "{promt}"], "unknown field {promt}"),
    (["--train_file", "no.csv"], "no.csv: no such file"),
]


@pytest.mark.parametrize(("arguments", "said"), PROBLEMS)
def test_options_that_cannot_be(tmp_path, arguments, said):
    assert said in refused(here("prepare_preferences.py", *arguments, "--output_dir", tmp_path / "d"))
