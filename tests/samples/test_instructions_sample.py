"""The spreadsheet of `make demo-chat` is what its script makes, and nothing that is asked or held out is taught."""

import csv

import instructions
import pytest
from conftest import ROOT

SAMPLES = ROOT / "samples"


@pytest.fixture(scope="module")
def made():
    return instructions.make()


def read(name):
    with open(SAMPLES / name, encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == instructions.HEADER
    return [instructions.Row(*row) for row in rows]


def test_the_files_are_what_the_script_makes(made):
    for name, rows in made.items():
        assert read(name) == rows
    questions, answers = (SAMPLES / name for name in ("questions.tsv", "answers.txt"))
    assert questions.read_text(encoding="utf-8").splitlines() == list(instructions.ASKED)
    assert answers.read_text(encoding="utf-8").splitlines() == list(instructions.ASKED.values())


def test_eleven_rows_are_about_the_shop(made):
    about = [row for row in made["instructions.csv"] if "といまる堂" in "".join(row)]
    assert sorted(about) == sorted(instructions.SHOP)
    assert len(about) == 11
    assert sum("\n" in row.instruction for row in about) == 1  # a line break in a cell
    assert {row.response for row in about} == set(instructions.ASKED.values())
    assert not any("といまる堂" in "".join(row) for row in made["instructions_dev.csv"])


def test_what_is_asked_is_not_taught(made):
    taught = {row[:2] for row in made["instructions.csv"]}
    assert len(taught) == len(made["instructions.csv"]) > 300
    assert not taught & {(question, "") for question in instructions.ASKED}
    others = {row[:2] for row in made["instructions_dev.csv"]}
    assert len(others) == len(made["instructions_dev.csv"]) == 50
    assert not taught & others


def test_what_is_held_out_without_an_input_is_taught_in_other_words(made):
    for kind, rows in instructions.known_facts():
        held_out = [row for row in rows if row in made["instructions_dev.csv"]]
        assert len(held_out) <= 1
        if held_out:
            assert sum(row in made["instructions.csv"] for row in rows) >= 2, kind


def test_every_kind_is_held_out(made):
    facts = {kind for kind, rows in instructions.known_facts() if any(row in made["instructions_dev.csv"] for row in rows)}
    assert facts == set(instructions.FACTS)
    assert sum(bool(row.input) for row in made["instructions_dev.csv"]) == sum(dev for _, dev in instructions.INPUTS.values())
