import os

import pytest

from toi.errors import InputError
from toi.files import read_text, replacing, replacing_folder, write_json


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
    with pytest.raises(InputError, match="no such file"):
        read_text(tmp_path / "none")
    with pytest.raises(InputError, match="cannot be read"):
        read_text(tmp_path)


def test_an_error_of_the_block_is_not_called_a_writing_error(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "f"):
        os.stat(tmp_path / "none")
