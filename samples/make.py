"""Make `samples/train.json` and `samples/test.json`: the embedded data set, in SQuAD format.

    python samples/make.py

Two kinds of articles: entities of the tables in `facts.py`, and invented people, shops and places. An article is about one
entity, and all its facts are in that article alone; so a split by articles never shows a fact (the pair of entity and
attribute) on both sides. The test articles are chosen here; `prepare_*.py` takes dev from the training articles.

Each fact is said and asked for in several ways. `question` is one of the right ones, drawn as usual as it is; `questions` lists all of
them, the most usual first.
"""

import json
import random
from pathlib import Path
from typing import Any

import facts
from clauses import Sentence, slots_of, usual
from contexts import Contexts
from dictionary import real_words
from tables import fact_context
from wild import Wild

HERE = Path(__file__).parent
SEED = 20261121
LICENSE = "MIT (the sentences are ours, the facts are nobody's)"
TEST_SHARE = 0.15  # of the entities of each table
HELD_OUT = {"山梨県"}  # the demo asks about it
TRAIN_INVENTED, TEST_INVENTED = 500, 90
RAREST = {"train": 300, "test": 20_000}  # a right question is listed that one of so many would ask: for training the usual ones do
TRAIN_WILD = 500  # articles of long sentences, in words of everyday use: training alone
LONGEST_WILD = 60  # characters: as long as people's sentences are, so that no question is cut
PARAGRAPHS_PER_FACT_ENTITY = 5
QUESTIONS_PER_CONTEXT = 3
UNNAMED = 0.75  # how much less often `question` leaves its subject unnamed than it may
REPEATED_ANSWERS = 0.005  # contexts in which the annotated answer is not the first occurrence


def questions(rng: random.Random, sentences: list[Sentence], prefix: str, subject: str, rarest: int) -> dict[str, Any] | None:
    """A SQuAD paragraph with up to `QUESTIONS_PER_CONTEXT` questions; None if nothing can be asked.

    The right questions that one in `rarest` would ask are listed; `question` is one that is more usual.
    """
    context = "".join(sentence.text for sentence in sentences)
    # An answer that stands twice would leave open what is asked; a few such are kept, marked by their offset.
    asked = [slot for slot in slots_of(sentences) if context.count(slot.text) == 1 or rng.random() < REPEATED_ANSWERS]
    chosen = sorted(rng.sample(asked, min(len(asked), QUESTIONS_PER_CONTEXT)), key=lambda slot: slot.start)
    qas = []
    for i, slot in enumerate(chosen):
        ways = usual(slot.ways, rarest)
        right = sorted(ways, key=lambda question: (-ways[question], question))
        common = right[: len(usual(slot.ways))]
        named = [1.0 if subject in q or subject == slot.text else UNNAMED for q in common]
        question = rng.choices(common, [ways[q] * how for q, how in zip(common, named, strict=True)])[0]
        answer = {"text": slot.text, "answer_start": slot.start}
        qas.append({"id": f"{prefix}q{i}", "question": question, "answers": [answer], "questions": right})
    return {"context": context, "qas": qas} if qas else None


def fact_article(rng: random.Random, domain: facts.Domain, entity: str, prefix: str, rarest: int) -> dict[str, Any]:
    """The article of an entity of a table."""
    paragraphs, seen = [], set()
    for i in range(PARAGRAPHS_PER_FACT_ENTITY):
        sentences = fact_context(rng, domain, entity, domain.rows[entity], 1 + i % len(domain.attributes))
        while sentences[0].text in seen:  # an article does not begin twice alike
            sentences = fact_context(rng, domain, entity, domain.rows[entity], 1 + i % len(domain.attributes))
        seen.add(sentences[0].text)
        paragraphs.append(questions(rng, sentences, f"{prefix}p{i}", entity, rarest))
    return {"title": entity, "paragraphs": [paragraph for paragraph in paragraphs if paragraph]}


def invented_article(contexts: Contexts, titles: set[str], prefix: str, rarest: int) -> dict[str, Any]:
    """The article of an invented entity, or of somebody without a name: one or two contexts of one to four sentences."""
    rng = contexts.rng
    kind = contexts.kind()
    subject = contexts.draw(kind)
    title = subject.text
    while title in titles:
        title += "、別の話"
    titles.add(title)
    lengths = rng.choices((1, 2, 3, 4), (25, 35, 25, 15), k=rng.randint(1, 2))
    found = [
        questions(rng, contexts.context(length, kind, subject), f"{prefix}p{i}", subject.text, rarest)
        for i, length in enumerate(lengths)
    ]
    return {"title": title, "paragraphs": [paragraph for paragraph in found if paragraph]}


def wild_article(rng: random.Random, wild: Wild, number: int) -> dict[str, Any]:
    """An article of two long sentences about this and that."""
    found = []
    for i in range(2):
        sentence = wild.sentence()
        while len(sentence.text) > LONGEST_WILD:
            sentence = wild.sentence()
        found.append(questions(rng, [sentence], f"w{number:04}p{i}", "", RAREST["train"]))
    return {"title": f"長い文 {number}", "paragraphs": [paragraph for paragraph in found if paragraph]}


def make(seed: int = SEED) -> dict[str, list[dict[str, Any]]]:
    """The articles of both files."""
    rng = random.Random(seed)
    articles: dict[str, list[dict[str, Any]]] = {"train": [], "test": []}
    for d, domain in enumerate(facts.DOMAINS):
        entities = sorted(domain.rows)
        held_out = {*rng.sample(entities, round(len(entities) * TEST_SHARE)), *(HELD_OUT & domain.rows.keys())}
        for e, entity in enumerate(entities):
            split = "test" if entity in held_out else "train"
            articles[split].append(fact_article(rng, domain, entity, f"f{d}-{e:03}", RAREST[split]))
    titles = {entity for domain in facts.DOMAINS for entity in domain.rows}
    contexts = Contexts(rng)
    for split, count in (("train", TRAIN_INVENTED), ("test", TEST_INVENTED)):
        made = [invented_article(contexts, titles, f"{split[0]}{i:04}", RAREST[split]) for i in range(count)]
        articles[split] += [article for article in made if article["paragraphs"]]
    wild = Wild(Contexts(rng, real_words(seed)).draw)
    made = [wild_article(rng, wild, i) for i in range(TRAIN_WILD)]
    articles["train"] += [article for article in made if article["paragraphs"]]
    return articles


def main() -> None:
    """Write both files, one article a line."""
    for split, articles in make().items():
        lines = ",\n".join(json.dumps(article, ensure_ascii=False) for article in articles)
        path = HERE / f"{split}.json"
        path.write_text(f'{{"version": "toi-sample-2", "license": "{LICENSE}", "data": [\n{lines}\n]}}\n', encoding="utf-8")
        found = [qa for article in articles for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
        ways = sum(len(qa["questions"]) for qa in found) / len(found)
        print(
            f"{path.name}: {len(articles):,} articles, {len(found):,} questions, {ways:.1f} ways each, {path.stat().st_size:,} bytes"
        )


if __name__ == "__main__":
    main()
