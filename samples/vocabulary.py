"""The vocabulary of the sample's base: characters, and the common words of the text that `pretrain.py` reads.

    python samples/vocabulary.py --output_dir samples/base

A SentencePiece unigram model (Kudo 2018) whose pieces are chosen by us: a word of the dictionary is one piece, so that it cannot break; a
name that nobody has comes in characters; what is in neither comes in bytes. A piece's score is the logarithm of its share of the text.
"""

import argparse
import io
import math
from collections import Counter
from pathlib import Path

import fugashi
import invented
import ipadic
import sentencepiece as spm
from dictionary import real_words
from reading import HIGHLIGHT, SENTINELS, Reader
from sentencepiece import sentencepiece_model_pb2

HERE = Path(__file__).parent
EXTRA = "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~、。「」『』・ー々〜…°℃〇ヶヵ"
KANA = "ァィゥェォヴぁぃぅぇぉっゃゅょんをヲヂヅヱヰ"
LATIN = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PROMPTS = ("answer:", "question:", "\u2581context:")
_SPACE = "\u2581"
_MARKS = EXTRA.replace("ー", "").replace("々", "")


def count_words(lines: list[str]) -> Counter[str]:
    """The words of a text that are in MeCab's dictionary and have two characters at least, all of them kana or kanji.

    A few kana in a row are a word by accident, in names that nobody has: they count where they are common.
    """
    tagger = fugashi.GenericTagger(ipadic.MECAB_ARGS)
    counts: Counter[str] = Counter()
    for line in lines:
        for word in tagger(line):
            known = len(word.feature) > 7  # an unknown word has no reading
            if known and len(word.surface) > 1 and not any(c in LATIN or c in _MARKS for c in word.surface):
                counts[word.surface] += 1
    return Counter({word: n for word, n in counts.items() if n >= (8 if "一" <= max(word) <= "龠" else 60)})


def make_vocabulary(folder: Path, size: int, contexts: int, seed: int) -> None:
    """Write `spiece.model` into a folder."""
    words = real_words(seed)
    reader = Reader(seed, words)
    texts = [text for _ in range(contexts) for pair in reader.examples() for text in pair if "<extra_id" not in text]
    lines = [text.replace(HIGHLIGHT, "") for text in texts]
    names = Counter("".join(word for of_type in words.values() for word in of_type))
    characters = dict.fromkeys(invented.KANJI + invented.KATAKANA + invented.HIRAGANA + invented.SMALL + EXTRA + KANA + LATIN)
    characters.update(dict.fromkeys(c for c, n in sorted(names.items()) if n >= 3))
    buffer = io.BytesIO()
    spm.SentencePieceTrainer.train(  # for its normalization and its bytes; the pieces come below
        sentence_iterator=iter(characters), model_writer=buffer, model_type="unigram", vocab_size=len(characters) + 256 + 5,
        max_sentencepiece_length=1, hard_vocab_limit=False, character_coverage=1.0, byte_fallback=True, add_dummy_prefix=False,
        required_chars="".join(characters), user_defined_symbols=[HIGHLIGHT], normalization_rule_name="nmt_nfkc",
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2, num_threads=1,
    )  # fmt: skip
    model = sentencepiece_model_pb2.ModelProto.FromString(buffer.getvalue())
    kept = [piece for piece in model.pieces if piece.type != piece.NORMAL]
    singles = sorted({_SPACE, *(p.piece for p in model.pieces if p.type == p.NORMAL and len(p.piece) == 1)})
    counts = count_words(lines)
    room = size - SENTINELS - len(kept) - len(singles) - len(_PROMPTS)
    common = [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:room]]
    of_characters = Counter("".join(lines).replace(" ", _SPACE))
    total = sum(of_characters.values())
    del model.pieces[:]
    model.pieces.extend(kept)
    for piece, count in (
        *((prompt, len(lines)) for prompt in _PROMPTS), *((word, counts[word]) for word in common), *((c, of_characters[c]) for c in singles)
    ):  # fmt: skip
        model.pieces.add(piece=piece, score=math.log((count + 1) / total))
    model.trainer_spec.vocab_size = len(model.pieces)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spiece.model").write_bytes(model.SerializeToString())


def main() -> None:
    """Make it, and show how it cuts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output_dir", type=Path, default=HERE / "base")
    parser.add_argument("--vocab_size", type=int, default=8_192, help="with T5's 100 sentinels")
    parser.add_argument("--contexts", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    make_vocabulary(args.output_dir, args.vocab_size, args.contexts, args.seed)
    pieces = spm.SentencePieceProcessor(model_file=str(args.output_dir / "spiece.model"))
    print(f"{pieces.get_piece_size():,} pieces")
    for text in ("answer: 白浜市 context: 霧沢一は1987年に<hl>白浜市<hl>で生まれました。", "霧沢一はどこで生まれたのでしょうか?"):
        print(" ".join(pieces.encode(text, out_type=str)))


if __name__ == "__main__":
    main()
