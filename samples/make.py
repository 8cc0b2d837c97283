"""Make `samples/train.json` and `samples/test.json`: the embedded data set, in SQuAD format.

    python samples/make.py

Two kinds of articles: entities of the tables in `facts.py`, and invented people, shops and places. An article is about one
entity, and all its facts are in that article alone; so a split by articles never shows a fact (the pair of entity and
attribute) on both sides. The test articles are chosen here; `prepare_*.py` takes dev from the training articles.
"""

import json
import random
from pathlib import Path
from typing import Any

import facts
import frames

HERE = Path(__file__).parent
SEED = 20261120
LICENSE = "MIT (the sentences are ours, the facts are nobody's)"
TEST_SHARE = 0.15  # of the entities of each table
HELD_OUT = {"山梨県"}  # the demo asks about it
TRAIN_INVENTED, TEST_INVENTED = 2_200, 110
PARAGRAPHS_PER_FACT_ENTITY = 5
QUESTIONS_PER_CONTEXT = 3
REPEATED_ANSWERS = 0.005  # contexts in which the annotated answer is not the first occurrence


def fact_context(rng: random.Random, domain: facts.Domain, entity: str, length: int) -> list[frames.Sentence]:
    """One to three facts of an entity; from the second on the entity may be left unsaid."""
    pairs = list(zip(domain.attributes, domain.rows[entity], strict=True))
    rng.shuffle(pairs)
    sentences: list[frames.Sentence] = []
    for attribute, value in pairs[:length]:
        unsaid = bool(sentences) and rng.random() < 0.5
        pattern = rng.choice(frames.FACT_WITHOUT_TOPIC if unsaid else frames.FACT)
        lead = rng.choice(frames.LEADS) if sentences and rng.random() < 0.2 else ""
        sentences.append(frames.fact_sentence(entity, domain.wh, attribute.noun, value, attribute.wh, pattern, lead))
    return sentences


def questions(rng: random.Random, sentences: list[frames.Sentence], prefix: str) -> dict[str, Any] | None:
    """A SQuAD paragraph with up to `QUESTIONS_PER_CONTEXT` questions; None if nothing can be asked."""
    context = "".join(sentence.text for sentence in sentences)
    asked = []
    at = 0
    for sentence in sentences:
        for slot in sentence.slots:
            # An answer that stands twice would leave open what is asked; a few such are kept, marked by their offset.
            if slot.question and (context.count(slot.text) == 1 or rng.random() < REPEATED_ANSWERS):
                asked.append((slot.question, slot.text, at + slot.start))
        at += len(sentence.text)
    chosen = sorted(rng.sample(asked, min(len(asked), QUESTIONS_PER_CONTEXT)), key=lambda question: question[2])
    qas = [
        {"id": f"{prefix}q{i}", "question": question, "answers": [{"text": text, "answer_start": start}]}
        for i, (question, text, start) in enumerate(chosen)
    ]
    return {"context": context, "qas": qas} if qas else None


def fact_article(rng: random.Random, domain: facts.Domain, entity: str, prefix: str) -> dict[str, Any]:
    """The article of an entity of a table."""
    paragraphs, seen = [], set()
    for i in range(PARAGRAPHS_PER_FACT_ENTITY):
        sentences = fact_context(rng, domain, entity, 1 + i % len(domain.attributes))
        while sentences[0].text in seen:  # an article does not begin twice alike, so no question stands twice
            sentences = fact_context(rng, domain, entity, 1 + i % len(domain.attributes))
        seen.add(sentences[0].text)
        paragraphs.append(questions(rng, sentences, f"{prefix}p{i}"))
    return {"title": entity, "paragraphs": [paragraph for paragraph in paragraphs if paragraph]}


def invented_article(rng: random.Random, titles: set[str], prefix: str) -> dict[str, Any]:
    """The article of an invented entity: one or two contexts of one to five sentences."""
    kind = frames.KINDS[rng.choice(list(frames.KINDS))]
    name = kind.draw(rng)
    while name in titles:
        name = kind.draw(rng)
    titles.add(name)
    lengths = rng.choices((1, 2, 3, 4, 5), (25, 30, 25, 10, 10), k=rng.randint(1, 2))
    paragraphs = [
        questions(rng, frames.invented_context(rng, kind, name, length), f"{prefix}p{i}") for i, length in enumerate(lengths)
    ]
    return {"title": name, "paragraphs": [paragraph for paragraph in paragraphs if paragraph]}


def make(seed: int = SEED) -> dict[str, list[dict[str, Any]]]:
    """The articles of both files."""
    rng = random.Random(seed)
    articles: dict[str, list[dict[str, Any]]] = {"train": [], "test": []}
    for d, domain in enumerate(facts.DOMAINS):
        entities = sorted(domain.rows)
        held_out = {*rng.sample(entities, round(len(entities) * TEST_SHARE)), *(HELD_OUT & domain.rows.keys())}
        for e, entity in enumerate(entities):
            split = "test" if entity in held_out else "train"
            articles[split].append(fact_article(rng, domain, entity, f"f{d}-{e:03}"))
    titles = {entity for domain in facts.DOMAINS for entity in domain.rows}
    for split, count in (("train", TRAIN_INVENTED), ("test", TEST_INVENTED)):
        articles[split] += [invented_article(rng, titles, f"{split[0]}{i:04}") for i in range(count)]
    return articles


def main() -> None:
    """Write both files, one article a line."""
    for split, articles in make().items():
        lines = ",\n".join(json.dumps(article, ensure_ascii=False) for article in articles)
        path = HERE / f"{split}.json"
        path.write_text(f'{{"version": "toi-sample-1", "license": "{LICENSE}", "data": [\n{lines}\n]}}\n', encoding="utf-8")
        count = sum(len(paragraph["qas"]) for article in articles for paragraph in article["paragraphs"])
        print(f"{path.name}: {len(articles):,} articles, {count:,} questions, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
