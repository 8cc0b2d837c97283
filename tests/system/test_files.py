import os
import subprocess
import sys

import pytest
from conftest import ROOT

from toi.system.errors import InputError
from toi.system.files import (
    _exchange,
    check_name,
    check_writable,
    find_files,
    read_text,
    replacing,
    replacing_folder,
    write_json,
)


def test_a_file_is_replaced_only_when_all_went_well(tmp_path):
    path = tmp_path / "f.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as file:
        file.write("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["f.txt"]
    with replacing(path) as file:
        file.write("new\n")
    assert path.read_bytes() == b"new\n"


def test_a_folder_is_replaced_only_when_all_went_well(tmp_path):
    folder = tmp_path / "d"
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_text("old a")
    (folder / "sub" / "mine").write_text("mine")
    with pytest.raises(RuntimeError), replacing_folder(folder) as new:
        (new / "a").write_text("half")
        raise RuntimeError
    assert (folder / "a").read_text() == "old a"
    with replacing_folder(folder) as new:
        (new / "a").write_text("new a")
    assert (folder / "a").read_text() == "new a"
    assert (folder / "sub" / "mine").read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "big").mkdir()
    (tmp_path / "d").symlink_to(tmp_path / "big")
    with replacing_folder(tmp_path / "d") as new:
        (new / "a").write_text("")
    assert (tmp_path / "d").is_symlink()
    assert (tmp_path / "big" / "a").exists()


def test_what_is_left_behind(tmp_path):
    for name in ("old_output.tsv", "mine.tsv"):
        (tmp_path / "d").mkdir(exist_ok=True)
        (tmp_path / "d" / name).write_text("")
    with replacing_folder(tmp_path / "d", leaving=["*_output.tsv"]):
        pass
    assert [p.name for p in (tmp_path / "d").iterdir()] == ["mine.tsv"]


def test_what_a_killed_process_left_is_removed(tmp_path):
    program = (
        "import os, sys\nfrom toi.system.files import replacing_folder\n"
        "with replacing_folder(sys.argv[1]) as new:\n    (new / 'half').write_text('x')\n    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path / "d"], cwd=ROOT, check=False)
    (abandoned,) = tmp_path.iterdir()
    other = tmp_path / ".e.new.12345678"
    other.mkdir()

    def save():
        with replacing_folder(tmp_path / "d"):
            pass
        return {path.name for path in tmp_path.iterdir()}

    assert save() == {"d", abandoned.name, other.name}  # it may have been begun just now
    for folder in (abandoned, other):
        os.utime(folder, (0, 0))
    with replacing_folder(tmp_path / "d") as under_way:
        os.utime(under_way, (0, 0))
        assert save() == {"d", under_way.name, other.name}
    assert save() == {"d", other.name}


def test_the_folder_we_stand_in_cannot_be_replaced(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    for place in (".", "..", tmp_path):
        with pytest.raises(InputError, match="the folder we stand in"):
            check_writable(place)


@pytest.mark.parametrize("can_exchange", [True, False])
def test_folders_change_places(tmp_path, monkeypatch, can_exchange):
    if not can_exchange:  # as on a system without renameat2
        monkeypatch.setattr("toi.system.files.ctypes.CDLL", lambda name: object())
    for name in ("d", ".d.new.x"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("")
    _exchange(tmp_path / "d", tmp_path / ".d.new.x")
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.glob("**/*")) == [".d.new.x", ".d.new.x/d", "d", "d/.d.new.x"]


def test_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "plain").write_text("")
    write_json(tmp_path / "j.json", {})
    with replacing_folder(tmp_path / "d") as new:
        (new / "x").write_text("")
    modes = {p.stat().st_mode & 0o777 for p in (tmp_path / "plain", tmp_path / "j.json", tmp_path / "d" / "x")}
    assert len(modes) == 1


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), replacing(tmp_path / "file" / "x"):
        pass
    with pytest.raises(InputError, match="cannot be written"), replacing_folder(tmp_path / "file" / "x"):
        pass
    for place in (tmp_path / "file", tmp_path / "file" / "x" / "y"):
        with pytest.raises(InputError, match=r"cannot be written .* is a file"):
            check_writable(place)
    check_writable(tmp_path / "new" / "folder")
    assert not (tmp_path / "new").exists()
    with pytest.raises(InputError, match="no such file"):
        read_text(tmp_path / "none")
    with pytest.raises(InputError, match="cannot be read"):
        read_text(tmp_path)


def test_an_error_of_the_block_is_not_called_a_writing_error(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "f"):
        os.stat(tmp_path / "none")


def test_a_file_may_go_into_the_folder_we_stand_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_writable(tmp_path, as_a_whole=False)
    with pytest.raises(InputError, match="is the folder we stand in"):
        check_writable(tmp_path)


@pytest.mark.parametrize(("length", "multibyte"), [(200, 0), (0, 70)])
def test_names_that_the_file_system_takes(length, multibyte, tmp_path):
    check_name(tmp_path / ("x" * length + "山" * multibyte))
    check_writable(tmp_path / ("x" * length + "山" * multibyte))


@pytest.mark.parametrize("name", ["x" * 300, "x" * 250, "山" * 84, f"{'x' * 300}/y", "x/" * 3000 + "y"])
def test_names_that_it_does_not_take(name, tmp_path):
    """250 bytes would do for a file, but not for what stands beside it while it is written."""
    for check in (check_name, check_writable):
        with pytest.raises(InputError, match=r"\.\.\.: the name is too long for the file system; give a shorter one") as error:
            check(tmp_path / name)
        assert len(str(error.value)) < 200


def test_a_long_folder_that_is_there_takes_files(tmp_path):
    folder = tmp_path / ("x" * 250)
    folder.mkdir()
    check_writable(folder, as_a_whole=False)


def test_find_files(tmp_path):
    for name in ("b.json", "a.JSON", "c.txt", "d.json.gz"):
        (tmp_path / name).write_text("")
    (tmp_path / "folder.json").mkdir()
    both = [tmp_path / "a.JSON", tmp_path / "b.json"]
    assert find_files(tmp_path, (".json",), "hint") == both
    assert find_files(tmp_path, (".json", ".json.gz"), "hint") == [*both, tmp_path / "d.json.gz"]
    assert find_files(str(tmp_path / "*.[jJ]*"), (".json",), "hint") == [*both, tmp_path / "d.json.gz"]
    assert find_files(tmp_path / "c.txt", (".json",), "hint") == [tmp_path / "c.txt"]  # what is named is meant
    for bad in (tmp_path / "no.json", tmp_path / "x*.json"):
        with pytest.raises(InputError, match=r"json: no such file; hint$"):
            find_files(bad, (".json",), "hint")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: no file in this folder ends in \.csv, \.json$"):
        find_files(tmp_path / "empty", (".csv", ".json", ".json.gz"), "hint")
