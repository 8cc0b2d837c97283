"""Real words by type, from the compiled IPADIC dictionary that MeCab reads: for pretraining only.

A word of the tables in `facts.py`, and what holds one or is held by one, is left out.
"""

import random
import re
import struct
from collections import Counter
from collections.abc import Container, Iterator
from pathlib import Path

import facts
import ipadic
from invented import FESTIVALS, LANDMARKS, ORGANIZATIONS, SHOPS

_TOKEN = struct.Struct("<HHHhII")  # left and right attribute, part of speech, cost, offset of the feature, compound
_HEADER = struct.Struct("<10I")  # magic, version, type, words, left and right size, bytes of trie, tokens and features, reserved
_PEOPLE_END = tuple("者人員家師長士手主王女男子客兵民僧氏様店所場園館駅県市町村国校院社部局室屋亭署前後中上下内外間時年月日分力")
_SAID_OF_PEOPLE = ("さん", "さん", "さん", "氏", "先生", "君", "天皇", "将軍", "博士", "監督", "")


def entries() -> Iterator[tuple[int, list[str]]]:
    """Cost and feature (part of speech in four steps, ..., dictionary form, reading) of each word; cheap words are common."""
    data = (Path(ipadic.DICDIR) / "sys.dic").read_bytes()
    _, _, _, _, _, _, trie, tokens, features, _ = _HEADER.unpack_from(data)
    at = _HEADER.size + 32 + trie  # 32 bytes name the character set
    text = data[at + tokens : at + tokens + features]
    for _, _, _, cost, offset, _ in _TOKEN.iter_unpack(data[at : at + tokens]):
        yield cost, text[offset : text.index(b"\0", offset)].decode().split(",")


def held_out() -> set[str]:
    """What the tables of facts are about, and the same without 県, 山 or 川."""
    words = {word for domain in facts.DOMAINS for entity, values in domain.rows.items() for word in (entity, *values)}
    return {word for word in words | {word[:-1] for word in words} if len(word) > 1}


def substrings(word: str) -> Iterator[str]:
    """All that stands in a word, itself among it."""
    return (word[i:j] for i in range(len(word)) for j in range(i + 1, len(word) + 1))


_KANA_OR_KANJI = re.compile("[ぁ-ヶー一-龠]+")
_GODAN = re.compile("五段・[カガサタナバマラワ]行(イ音便|促音便)?$")
_PRONE_TO_ASK = re.compile("[何誰幾]|どこ|いつ|いくつ|いくら|なぜ|どう|どれ|どの|どん")


def other_words(characters: Container[str]) -> dict[str, list[str]]:
    """Verbs (as `verbs.Verb` reads them), adjectives as they stand before a noun, adverbs and counters, all of them in known characters."""
    found: dict[str, list[tuple[int, str]]] = {"verb": [], "する": [], "adjective": [], "な": [], "adverb": [], "counter": []}
    for cost, (kind, second, third, _, conjugation, _, word, *_) in entries():
        if not _KANA_OR_KANJI.fullmatch(word) or _PRONE_TO_ASK.search(word) or not all(c in characters for c in word):
            continue
        if kind == "動詞" and second == "自立" and "一" <= word[0] <= "龠" and 2 <= len(word) <= 6:
            if conjugation == "一段" or _GODAN.match(conjugation):
                found["verb"].append((cost, word + ("1" if conjugation == "一段" else "5")))
        elif kind == "名詞" and second == "サ変接続" and 2 <= len(word) <= 4:
            found["する"].append((cost, word + "する"))
        elif kind == "形容詞" and second == "自立" and word.endswith("い") and 2 <= len(word) <= 6:
            found["adjective"].append((cost, word))
        elif kind == "名詞" and second == "形容動詞語幹" and 2 <= len(word) <= 5:
            found["な"].append((cost, word + "な"))
        elif kind == "副詞" and 2 <= len(word) <= 6:
            found["adverb"].append((cost, word))
        elif (second, third) == ("接尾", "助数詞") and len(word) <= 6:
            found["counter"].append((cost, word))
    common = {name: list(dict.fromkeys(word for _, word in sorted(words))) for name, words in found.items()}
    return {
        "verb": common["verb"][:5_000] + common["する"][:4_000], "adjective": common["adjective"][:500] + common["な"][:1_200],
        "adverb": common["adverb"][:1_200], "counter": common["counter"],
    }  # fmt: skip


def real_words(seed: int) -> dict[str, list[str]]:
    """Names of people, towns and organizations, things, and names made of them, each list in an order of its own."""
    facts_ = held_out()
    in_facts = {part for fact in facts_ for part in substrings(fact)}
    found: dict[str, list[tuple[int, str]]] = {"姓": [], "名": [], "人名": [], "地域": [], "組織": [], "一般": []}
    for cost, feature in entries():
        word = feature[6]
        if (
            feature[0] != "名詞"
            or not 2 <= len(word) <= 7
            or not all("ぁ" <= c <= "ヶ" or "一" <= c <= "龠" or c == "ー" for c in word)
        ):
            continue
        whole = feature[2] == "人名" and feature[3] == "一般"  # 紫式部
        name = "人名" if whole else feature[3] if feature[2] == "人名" else feature[2] if feature[1] == "固有名詞" else feature[1]
        if name in found and word not in in_facts and facts_.isdisjoint(substrings(word)):
            found[name].append((cost, word))
    common = {name: [word for _, word in sorted(set(words))] for name, words in found.items()}
    surnames, given, places = common["姓"][:6_000], common["名"][:6_000], common["地域"][:12_000]
    things = [word for word in common["一般"][:24_000] if not word.endswith(_PEOPLE_END)]
    seen = Counter("".join(surnames + given + places + things))
    rng = random.Random(seed)
    stems = (surnames, places, things)

    def named(ends: tuple[str, ...], count: int) -> list[str]:
        return [rng.choice(rng.choice(stems)) + rng.choice(ends) for _ in range(count)]

    people = [rng.choice(surnames) + rng.choice(given) for _ in range(20_000)]
    people += [rng.choice(surnames) + rng.choice(_SAID_OF_PEOPLE) for _ in range(6_000)]
    people += [rng.choice(common["人名"]) for _ in range(6_000)]
    return other_words({c for c, n in seen.items() if n >= 3}) | {
        "person": people, "town": [*places, *(p + rng.choice("市市町村区") for p in rng.sample(surnames, 3_000))], "thing": things,
        "region": [p + rng.choice(("県", "地方", "州", "郡")) for p in rng.sample(surnames, 3_000)], "organization": [*common["組織"][:5_000], *named(ORGANIZATIONS, 8_000)],
        "shop": named(SHOPS, 8_000), "landmark": named(LANDMARKS, 8_000), "festival": named(FESTIVALS, 4_000),
        "work": [f"『{a}』" if rng.random() < 0.5 else a for a in (rng.choice(things) + rng.choice(("", "の" + rng.choice(things))) for _ in range(6_000))],
    }  # fmt: skip
