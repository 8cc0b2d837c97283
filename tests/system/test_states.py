import os

import pytest

from toi.system import states
from toi.system.states import FileState, marks_of, same_states, state_of, states_from_json


@pytest.fixture
def folder(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name * 5)
        os.utime(tmp_path / name, ns=(10**18, 10**18))
    return tmp_path


@pytest.fixture
def reads(monkeypatch):
    """The names of the files that are read."""
    read = []
    real = states.sha256
    monkeypatch.setattr(states, "sha256", lambda path: (read.append(path.name), real(path))[1])
    return read


def test_only_what_changed_is_read(folder, reads):
    known = {name: state_of(folder / name) for name in ("a", "b")}
    assert reads == ["a", "b"]
    assert same_states(folder, known) == known
    assert reads == ["a", "b"]
    os.utime(folder / "b", ns=(10**18, 10**18 + 1))
    now = same_states(folder, known)
    assert reads == ["a", "b", "b"]
    assert now["a"] == known["a"]
    assert (now["b"].mtime_ns, now["b"].sha256) == (10**18 + 1, known["b"].sha256)
    assert same_states(folder, now) == now
    assert reads == ["a", "b", "b"]


CHANGES = [
    lambda path: path.write_text("other"),
    lambda path: path.write_text("longer than it was"),
    lambda path: path.unlink(),
    lambda path: (path.unlink(), path.mkdir()),
    lambda path: (path.with_name("c").write_text("other"), os.replace(path.with_name("c"), path)),
]


@pytest.mark.parametrize("change", CHANGES)
def test_other_content(folder, change):
    known = {name: state_of(folder / name) for name in ("a", "b")}
    change(folder / "b")
    assert same_states(folder, known) is None


def test_a_file_of_the_same_size_and_time_in_another_place_is_read(folder):
    """As a copy with its times kept, which has another inode."""
    known = {"a": state_of(folder / "a")}
    (folder / "c").write_text("xxxxx")
    os.utime(folder / "c", ns=(10**18, 10**18))
    os.replace(folder / "c", folder / "a")
    assert same_states(folder, known) is None


def test_what_has_only_just_changed_is_read_again(folder, reads):
    """A change in the same instant would not show in the time of the file."""
    (folder / "a").write_text("aaaaa")
    known = {"a": state_of(folder / "a")}
    assert same_states(folder, known)["a"].sha256 == known["a"].sha256
    assert reads == ["a", "a"]


def test_json(folder):
    known = {"a": state_of(folder / "a")}
    assert states_from_json({name: list(state) for name, state in known.items()}) == known
    assert known["a"][:3] == marks_of(folder / "a")
    assert isinstance(known["a"], FileState)
    for wrong in ({"a": [1, 2, 3]}, {"a": [1, 2, 3, 4]}, {"a": [1, 2, None, "x"]}, {"a": 5}, {"a": "abcd"}):
        with pytest.raises((TypeError, ValueError)):
            states_from_json(wrong)
