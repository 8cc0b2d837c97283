"""An automaton that finds all of many words at once (Aho and Corasick, 1975), over the skeletons of folded words."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from toi.text.folding import skeleton


class WordAutomaton:
    """Nodes are numbers, 0 the root. `depth[node]` is how many characters of a skeleton it has read.

    `ends[node]`: whether some word ends there. `words_at[node]` are the words that end there and fill it from the root.
    """

    def __init__(self, words: Iterable[str]):
        self._goto: list[dict[str, int]] = [{}]
        self.depth = [0]
        self.words_at: dict[int, list[str]] = defaultdict(list)
        for word in words:
            node = 0
            for c in skeleton(word):
                if c not in self._goto[node]:
                    self._goto[node][c] = len(self._goto)
                    self._goto.append({})
                    self.depth.append(self.depth[node] + 1)
                node = self._goto[node][c]
            if node:
                self.words_at[node].append(word)
        self._fail = [0] * len(self._goto)
        self.ends = [node in self.words_at for node in range(len(self._goto))]
        queue = list(self._goto[0].values())
        for node in queue:  # breadth first; it grows while it is gone through
            for c, child in self._goto[node].items():
                self._fail[child] = self.step(self._fail[node], c)
                self.ends[child] |= self.ends[self._fail[child]]
                queue.append(child)

    def step(self, node: int, character: str) -> int:
        """The node behind one more character of a skeleton."""
        while character not in self._goto[node]:
            if not node:
                return 0
            node = self._fail[node]
        return self._goto[node][character]

    def walk(self, node: int, text: str) -> Iterator[int]:
        """The nodes behind each character of the skeleton of a text."""
        for c in skeleton(text):
            node = self.step(node, c)
            yield node

    def suffixes(self, node: int) -> Iterator[int]:
        """The node and those of all shorter ends of what it has read, without the root."""
        while node:
            yield node
            node = self._fail[node]

    def words_begun(self, node: int) -> Iterator[str]:
        """The words that go on behind a node."""
        below = [node]
        for n in below:
            below += self._goto[n].values()
            if n != node:
                yield from self.words_at.get(n, ())
