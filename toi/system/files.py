"""Files that are either there, whole, or not there: written beside their place and renamed."""

import contextlib
import ctypes
import errno
import glob
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import IO, Any

from toi.system.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# What a disk says that is full or fails, in whatever file it happens.
DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[IO[str]]:
    """Open a UTF-8 text file for writing that takes the place of `path` when the block ends well.

    Raises InputError if the place cannot be written to.
    """
    path = Path(path)
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                yield file
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def replacing_folder(folder: str | Path, leaving: Sequence[str] = ()) -> Iterator[Path]:
    """A new folder beside `folder` that takes its place when the block ends well.

    Files of the old folder that the new one does not have stay, but for those that match the patterns `leaving`. At any
    instant `folder` is the whole old one or the whole new one; only where the system cannot exchange two folders it is
    absent for a moment. What a killed process had begun for the same place is removed. Raises InputError if it cannot be written.
    """
    folder = Path(folder).resolve()  # a link stays a link, and what it points to is replaced
    with _explained(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{folder.name}.new."
        _remove_abandoned(folder.parent, prefix)
        new = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
        lock = _lock(new)
        try:
            yield new
            new.chmod(0o777 & ~_umask())
            for path in new.iterdir():
                path.chmod((0o777 if path.is_dir() else 0o666) & ~_umask())
            if folder.exists():
                for path in folder.iterdir():
                    if not (new / path.name).exists() and not any(fnmatch(path.name, pattern) for pattern in leaving):
                        _link(path, new / path.name)
                _exchange(folder, new)
            else:
                os.replace(new, folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)
            if lock is not None:
                os.close(lock)


def _remove_abandoned(parent: Path, prefix: str) -> None:
    """Remove folders whose writer was killed: nobody holds their lock, and they are not of this minute."""
    for folder in parent.glob(f"{glob.escape(prefix)}*"):
        lock = _lock(folder)
        if lock is None:
            continue
        if time.time() - folder.stat().st_mtime > 60:
            shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _lock(folder: Path) -> int | None:
    """A lock on a folder, as a file descriptor that a killed process loses; None where another has it or there are no locks."""
    if fcntl is None:
        return None
    try:
        lock = os.open(folder, os.O_RDONLY)
    except OSError:  # another process has just removed it
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h


def _exchange(one: Path, other: Path) -> None:
    """Let two folders change places, in one step where the system can (renameat2 of Linux)."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is not None and renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return
    aside = other.with_name(other.name.replace(".new.", ".old."))
    os.replace(one, aside)
    try:
        os.replace(other, one)
    except OSError:
        os.replace(aside, one)
        raise
    os.replace(aside, other)


def _link(path: Path, to: Path) -> None:
    """The same file under another name, or a copy where the file system has no links."""

    def link(source: str, target: str) -> None:
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)

    if path.is_dir():
        shutil.copytree(path, to, copy_function=link)
    else:
        link(str(path), str(to))


def check_writable(folder: str | Path, *, as_a_whole: bool = True) -> None:
    """Raise InputError if a folder could not be made or written to: before the slow work, not behind it.

    `as_a_whole` is for folders that are replaced, not for those that a file is put into.
    """
    if as_a_whole:
        check_name(folder)
    if as_a_whole and Path(folder).resolve() in (Path.cwd(), *Path.cwd().parents):
        raise InputError(f"{folder}: is the folder we stand in, which cannot be replaced as a whole; give one of its own")
    for place in (Path(folder).absolute(), *Path(folder).absolute().parents):
        if place.exists():
            if not place.is_dir():
                raise InputError(f"{folder}: cannot be written ({place} is a file)")
            if not os.access(place, os.W_OK | os.X_OK):
                raise InputError(f"{folder}: cannot be written (no permission for {place})")
            return


def check_name(path: str | Path) -> None:
    """Raise InputError if the file system has no room for a name, or for the longer ones that stand beside it for a while."""
    place = Path(path).absolute()
    try:
        os.lstat(place.with_name(f".{place.name}.partial.12345678") if place.name else place)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise InputError(f"{shortened(path)}: the name is too long for the file system; give a shorter one") from None


def shortened(name: str | bytes | Path, most: int = 100) -> str:
    """A name for a message: the beginning of one that is too long."""
    text = os.fsdecode(name)
    return text if len(text) <= most else f"{text[:most]}..."


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what the file system refuses at `path` into an InputError; other errors of the block pass through."""
    try:
        yield
    except OSError as error:
        place = Path(os.fsdecode(error.filename)) if error.filename is not None else None
        ours = place is None or place in (path, *path.parents) or (path.parent in place.parents and place.name.startswith("."))
        if error.errno in DISK_ERRORS or ours:
            raise InputError(f"{place or path}: cannot be written ({error.strerror or error})") from error
        raise
    except Exception as error:  # safetensors has an error of its own for what the file system says
        said = re.search(r"I/O error: (.*) \(os error (\d+)\)", str(error))
        if said is None or int(said[2]) not in DISK_ERRORS:
            raise
        raise InputError(f"{path}: cannot be written ({said[1]})") from error


def matching_files(pattern: str | Path, hint: str) -> list[Path]:
    """The file, or the files of a glob in order of their names. Raises InputError, ending in `hint`, if there is none."""
    path = Path(pattern)
    files = [path] if path.is_file() else sorted(Path(p) for p in glob.glob(str(pattern)) if Path(p).is_file())
    if not files:
        raise InputError(f"{pattern}: no such file; {hint}")
    return files


def find_files(pattern: str | Path, endings: Sequence[str], hint: str) -> list[Path]:
    """The files that a path names: a file, those of a folder with one of the endings, or a glob. In order of their names.

    Raises InputError if there is none, ending in `hint` where it is no folder.
    """
    path = Path(pattern)
    if not path.is_dir():
        return matching_files(pattern, hint)
    files = sorted(file for file in path.iterdir() if file.name.lower().endswith(tuple(endings)) and file.is_file())
    if not files:
        raise InputError(f"{path}: no file in this folder ends in {', '.join(e for e in endings if not e.endswith('.gz'))}")
    return files


def read_text(path: str | Path) -> str:
    """The text of a UTF-8 file, a byte order mark dropped. Raises InputError with the place of a bad byte."""
    path = Path(path)
    with _readable(path):
        content = path.read_bytes()
    return _decoded(content, path, 1)


def read_lines(path: str | Path) -> Iterator[str]:
    """The lines of a UTF-8 file, one at a time, without line feeds; a byte order mark dropped.

    Raises InputError with the place of a bad byte.
    """
    path = Path(path)
    with _readable(path), open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            yield _decoded(line, path, number).removesuffix("\n")


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what the file system says of a file that cannot be read into an InputError."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _decoded(content: bytes, path: Path, line: int) -> str:
    """The text of a file from a line on; a byte order mark is dropped from the first one."""
    try:
        return content.decode("utf-8-sig" if line == 1 else "utf-8")
    except UnicodeDecodeError as error:
        line += content.count(b"\n", 0, error.start)
        raise InputError(f"{path}:{line}: not UTF-8 (byte 0x{content[error.start]:02x}); convert the file to UTF-8") from None


def read_json(path: str | Path) -> Any:
    """The JSON value in a file. Raises InputError with the line of what is wrong."""
    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not JSON ({error.msg} at column {error.colno})") from None
    except ValueError:
        raise InputError(f"{path}: not usable JSON (a number with too many digits)") from None
    except RecursionError:
        raise InputError(f"{path}: not usable JSON (nested too deeply)") from None


def write_json(path: str | Path, value: Any) -> None:
    """Write a JSON value, readable and with a final newline."""
    with replacing(path) as file:
        file.write(to_json(value, indent=2) + "\n")


def to_json(value: Any, indent: int | None = None) -> str:
    """A JSON text that can be written as UTF-8: a lone surrogate has no UTF-8 form, but `\\udXXX` has."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return json.dumps(value, indent=indent) if any("\ud800" <= c <= "\udfff" for c in text) else text


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
