"""`download.sh` against a server of our own on 127.0.0.1; nothing here leaves this machine."""

import gzip
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import ROOT, refused

pytestmark = pytest.mark.skipif(shutil.which("bash") is None or shutil.which("curl") is None, reason="bash and curl are needed")

SCRIPT = (ROOT / "download.sh").read_text(encoding="utf-8")
BLOB_PATHS = re.findall(r"^[0-9a-f]{40} (\S+)$", SCRIPT, flags=re.MULTILINE)
TRAIN, VALID, TEST = "train-v1.3.json", "valid-v1.3.json", "test-v1.3.json"
JAQKET = ["train_questions.json", "dev1_questions.json", "dev2_questions.json", "all_entities.json.gz"]
AIO = ["aio_02_train.jsonl", "aio_02_dev_v1.0.jsonl", "datasets.jawiki-20220404-c400-large.aio_02_train.jsonl.gz"]
DPR = [
    "dpr.retriever.jawiki-20220404-c400-large.aio_02_train.json.gz",
    "dpr.retriever.jawiki-20220404-c400-large.aio_02_dev.json.gz",
    *(f"{name}.json.gz" for name in ("abc_01-12", "aio_01_dev", "aio_01_test", "aio_01_unused")),
]
# Where the server has the files: the addresses under each mirror are those of the real sources.
QUIZ_PATHS = [
    *(f"s3/aio_01/{name}" for name in JAQKET),
    *(f"s3/aio_02/{name}" for name in AIO[:2]),
    *(f"s3/aio_02/retriever/{name}" for name in DPR[2:]),
    *(f"github/{name}" for name in (AIO[2], *DPR[:2])),
]


def content(path: str) -> bytes:
    """What the server has under `path`: more than a pipe or a buffer holds, and different for each path."""
    text = f'{{"file": "{path}"}}\n'.encode() * 3000
    return gzip.compress(text, mtime=0) if path.endswith(".gz") else text


def blob_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, path = self.server, self.path.lstrip("/")
        wanted = self.headers.get("Range")
        server.requests.append((path, wanted))
        data = server.files.get(path)
        if server.status or data is None:
            self.send_error(server.status or 404)
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and server.ranges else 0
        if start and start >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        # A cut connection: fewer bytes than promised. One that hangs says no more until the test is over.
        self.wfile.write(data[start : server.cut])
        if server.hang:
            self.wfile.flush()
            server.over.wait(30)

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.requests = []
        self.files = {}
        self.ranges, self.cut, self.hang, self.status = True, None, False, None
        self.over = threading.Event()


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


class Download:
    """A copy of the script, and its mirror.

    The copy has the ids of our small files in place of those of the real ones, which are too big for this repository.
    A copy, because the script itself must have no switch that turns its check off.
    """

    def __init__(self, folder, server):
        self.folder, self.server, self.url = folder, server, server.url
        self.raw = folder / "raw"
        script = SCRIPT
        for path in BLOB_PATHS:
            source = f"jaquad/{path}" if "/" in path else f"jglue/{path}"
            server.files[source] = content(source)
            script = re.sub(
                rf"^[0-9a-f]{{40}} {re.escape(path)}$", f"{blob_id(content(source))} {path}", script, flags=re.MULTILINE
            )
        server.files.update({path: content(path) for path in QUIZ_PATHS})
        self.script = folder / "download.sh"
        self.script.write_text(script, encoding="utf-8")

    def start(self, *names, **options):
        # Neither a proxy nor a .curlrc of the machine has a say here.
        env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        env |= {"HOME": str(self.folder), "CURL_HOME": str(self.folder), "RAW_DIR": str(self.raw)}
        env |= {"JGLUE_URL": f"{self.url}/jglue", "JAQUAD_URL": f"{self.url}/jaquad"}
        env |= {"JAQKET_URL": f"{self.url}/s3", "QUIZ_DATASETS_URL": f"{self.url}/github"}
        command = ["bash", str(self.script), *names]
        return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def __call__(self, *names):
        """Run the script; the requests that it made are in `server.requests`."""
        self.server.requests.clear()
        process = self.start(*names)
        output, errors = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def files(self):
        return sorted(str(path.relative_to(self.raw)) for path in self.raw.rglob("*") if path.is_file())

    def is_right(self, name):
        """Whether a file of jsquad or of quiz is there, whole."""
        folder, file = name.split("/", 1)
        (source,) = [path for path in self.server.files if path.endswith(f"/{file}") and (folder == "quiz") != ("jglue" in path)]
        return (self.raw / name).read_bytes() == self.server.files[source]


@pytest.fixture
def download(tmp_path, server):
    return Download(tmp_path, server)


def done(result):
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


JSQUAD_FILES = sorted(f"jsquad/{name}" for name in (TRAIN, VALID, TEST))
NAMES = [
    ([], JSQUAD_FILES, ["CC BY-SA 4.0"]),
    (["jsquad"], JSQUAD_FILES, ["CC BY-SA 4.0"]),
    (["jaqket"], [f"quiz/{name}" for name in JAQKET], ["CC BY-SA 4.0", "abc/EQIDEN may not be redistributed", "CC BY-SA 3.0"]),
    (["aio"], [f"quiz/{name}" for name in AIO], ["CC BY-SA 4.0", "abc/EQIDEN may not be redistributed", "CC BY-SA 3.0"]),
    (["dpr"], [f"quiz/{name}" for name in DPR], ["CC BY-SA 4.0", "abc/EQIDEN may not be redistributed", "CC BY-SA 3.0"]),
]


@pytest.mark.parametrize(("names", "files", "licence"), NAMES, ids=["none", "jsquad", "jaqket", "aio", "dpr"])
def test_downloads_each_data_set_and_prints_its_licence(download, names, files, licence):
    output = done(download(*names))
    sums = ["quiz/SHA256SUMS"] if files[0].startswith("quiz") else []
    assert download.files() == sorted(files + sums)
    assert all(download.is_right(file) for file in files)
    assert all(words in output for words in licence)
    assert len(download.server.requests) == len(files)

    done(download(*names))
    assert download.server.requests == []


def test_all_is_everything(download):
    output = done(download("all"))
    jaquad = [f"jaquad/{part}/jaquad_{part}_{i:04}.json" for part, count in (("dev", 4), ("train", 30)) for i in range(count)]
    quiz = [f"quiz/{name}" for name in (*JAQKET, *AIO, *DPR)]
    assert download.files() == sorted([*JSQUAD_FILES, *jaquad, *quiz, "quiz/SHA256SUMS"])
    assert "JaQuAD 0.1.0 (SkelterLabsInc/JaQuAD), CC BY-SA 3.0" in output


@pytest.mark.parametrize("name", ["nosuch", "", "jsquad jaquad", "--force"])
def test_unknown_name_is_refused_before_anything_is_downloaded(download, name):
    line = refused(download("jsquad", name))
    assert f"unknown data set '{name}'; there are: jsquad jaquad jaqket aio dpr all" in line
    assert download.server.requests == []
    assert download.files() == []


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(download, option):
    output = done(download(option))
    for words in ("./download.sh all", "RAW_DIR", "JGLUE_URL", "JAQUAD_URL", "JAQKET_URL", "QUIZ_DATASETS_URL"):
        assert words in output
    assert "pipefail" not in output
    assert download.server.requests == []


def test_wrong_file_is_replaced(download):
    file = download.raw / "jsquad" / VALID
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    done(download())
    assert download.is_right(f"jsquad/{VALID}")


# (whether the server knows Range, the requests for the file in the second run, as the first byte that is asked for)
RESUMES = {"range": (True, [5000]), "no range": (False, [5000, None])}


@pytest.mark.parametrize("name", ["jsquad", "jaqket"])
@pytest.mark.parametrize(("ranges", "starts"), RESUMES.values(), ids=RESUMES)
def test_cut_download_is_gone_on_with(download, name, ranges, starts):
    server = download.server
    source, file = {"jsquad": (f"jglue/{TRAIN}", f"jsquad/{TRAIN}"), "jaqket": (f"s3/aio_01/{JAQKET[0]}", f"quiz/{JAQKET[0]}")}[
        name
    ]
    server.cut, server.ranges = 5000, ranges
    line = refused(download(name))
    assert f"{source}: cut off" in line
    assert "run the same command again to go on" in line
    assert download.files() == [f"{file}.part"]
    assert (download.raw / f"{file}.part").read_bytes() == server.files[source][:5000]

    server.cut = None
    done(download(name))
    asked = [wanted for path, wanted in server.requests if path == source]
    assert asked == [start and f"bytes={start}-" for start in starts]
    assert download.is_right(file)
    assert not [path for path in download.files() if path.endswith(".part")]


# What is left of another version, or of a run that was stopped just before the renaming.
BEGINNINGS = {
    "wrong": lambda data: b"x" * 5000,
    "too long": lambda data: b"x" * (len(data) + 1),
    "wrong, of the right size": lambda data: b"x" * len(data),
}


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS)
def test_wrong_beginning_is_thrown_away(download, beginning):
    part = download.raw / "jsquad" / f"{TRAIN}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(beginning(download.server.files[f"jglue/{TRAIN}"]))
    done(download())
    assert download.files() == JSQUAD_FILES
    assert download.is_right(f"jsquad/{TRAIN}")


@pytest.mark.parametrize("more", [b"", b"more"], ids=["as long", "longer"])
def test_beginning_as_long_as_the_file_is_thrown_away(download, more):
    # With nothing recorded yet, the answer of the server (416) is all there is to tell; its error page must not be kept, either.
    source, part = f"s3/aio_01/{JAQKET[0]}", download.raw / "quiz" / f"{JAQKET[0]}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(download.server.files[source] + more)
    done(download("jaqket"))
    assert download.is_right(f"quiz/{JAQKET[0]}")


def test_whole_beginning_needs_no_server(download):
    done(download())
    file = download.raw / "jsquad" / TRAIN
    file.rename(f"{file}.part")
    done(download())
    assert download.server.requests == []
    assert download.files() == JSQUAD_FILES


@pytest.mark.parametrize("before", [None, b"{}"], ids=["none", "a wrong one"])
def test_wrong_hash_is_refused(download, before):
    file = download.raw / "jsquad" / TRAIN
    file.parent.mkdir(parents=True)
    if before:
        file.write_bytes(before)
    download.server.files[f"jglue/{TRAIN}"] += b" "
    line = refused(download())
    assert "not the file that is expected" in line
    assert "nothing was kept" in line
    # What was there before is not ours to delete.
    assert download.files() == ([f"jsquad/{TRAIN}"] if before else [])
    assert not before or file.read_bytes() == before


STATUSES = [
    (404, "the server does not have it (HTTP 404); give a mirror"),
    (403, "the server does not give it (HTTP 403)"),
]


@pytest.mark.parametrize("name", ["jsquad", "aio"])
@pytest.mark.parametrize(("status", "words"), STATUSES)
def test_server_that_refuses(download, name, status, words):
    download.server.status = status
    assert words in refused(download(name))
    assert download.files() == []


def test_beginning_survives_a_server_that_refuses(download):
    part = download.raw / "jsquad" / f"{TRAIN}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(download.server.files[f"jglue/{TRAIN}"][:5000])
    download.server.status = 404
    refused(download())
    assert part.stat().st_size == 5000


def test_no_network(download):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, but nobody listens: and nobody else can, while the test runs
        download.url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        line = refused(download())
    assert f"{download.url}/jglue/{TRAIN}: no network, or no such server" in line
    assert download.files() == []


def test_folder_that_cannot_be_made(download):
    # A file in the place of the folder: unlike permissions, it stops root, too.
    download.raw.write_text("")
    line = refused(download())
    assert line == f"download.sh: {download.raw}/jsquad: cannot be written"
    assert download.server.requests == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission(download):
    (download.raw / "jsquad").mkdir(parents=True, mode=0o555)
    assert refused(download()) == f"download.sh: {download.raw}/jsquad: cannot be written"


def test_first_download_is_recorded(download):
    done(download("jaqket"))
    sums = (download.raw / "quiz" / "SHA256SUMS").read_text()
    expected = [f"{hashlib.sha256(content(f's3/aio_01/{name}')).hexdigest()}  {name}\n" for name in JAQKET]
    assert sums == "".join(expected)
    check = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=download.raw / "quiz", capture_output=True)
    assert check.returncode == 0


def test_recorded_file_is_checked(download):
    done(download("aio"))
    file, sums = download.raw / "quiz" / AIO[0], download.raw / "quiz" / "SHA256SUMS"
    recorded = sums.read_text()

    file.write_text("{}")
    done(download("aio"))
    assert [path for path, _ in download.server.requests] == [f"s3/aio_02/{AIO[0]}"]
    assert download.is_right(f"quiz/{AIO[0]}")

    # Neither what is there nor what the server has now is what was recorded.
    file.write_text("{}")
    download.server.files[f"s3/aio_02/{AIO[0]}"] += b"{}\n"
    line = refused(download("aio"))
    assert f"not the file that {sums} records; nothing was kept" in line
    assert file.read_text() == "{}"
    assert sums.read_text() == recorded
    assert not [path for path in download.files() if path.endswith(".part")]

    # The way out that the message names.
    sums.write_text("".join(line for line in recorded.splitlines(True) if AIO[0] not in line))
    file.unlink()
    done(download("aio"))
    assert download.is_right(f"quiz/{AIO[0]}")
    assert len(sums.read_text().splitlines()) == len(AIO)


def test_file_put_there_by_hand_is_recorded(download):
    file = download.raw / "quiz" / JAQKET[0]
    file.parent.mkdir(parents=True)
    file.write_text('{"qid": "1"}\n')
    done(download("jaqket"))
    assert len(download.server.requests) == len(JAQKET) - 1
    assert f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {JAQKET[0]}\n" in (file.parent / "SHA256SUMS").read_text()


# What must not become the record of a first download.
RUBBISH = {
    "a web page": (f"s3/aio_01/{JAQKET[0]}", b"\n<!DOCTYPE html><title>Sign in</title>"),
    "empty": (f"s3/aio_01/{JAQKET[0]}", b""),
    "a web page for an archive": (f"s3/aio_01/{JAQKET[3]}", b"<html>"),
    "half an archive": (f"s3/aio_01/{JAQKET[3]}", content(JAQKET[3])[:-20]),
}


@pytest.mark.parametrize(("source", "data"), RUBBISH.values(), ids=RUBBISH)
def test_rubbish_is_not_recorded(download, source, data):
    download.server.files[source] = data
    assert "not a data file" in refused(download("jaqket"))
    name = source.rsplit("/", 1)[1]
    assert not [path for path in download.files() if name in path]
    sums = download.raw / "quiz" / "SHA256SUMS"
    assert not sums.exists() or name not in sums.read_text()


def test_ctrl_c_leaves_only_the_beginning(download):
    server = download.server
    server.cut, server.hang = 20_000, True
    part = download.raw / "jsquad" / f"{TRAIN}.part"
    # A session of its own: Ctrl-C goes to the script and to curl, and not to this process.
    # A shell that was started in the background ignores Ctrl-C, and so would the script.
    process = download.start(start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    deadline = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors.splitlines() == ["download.sh: stopped; run the same command again to go on"]
    assert download.files() == [f"jsquad/{TRAIN}.part"]

    server.cut, server.hang = None, False
    done(download())
    assert server.requests[0][1] is not None
    assert download.files() == JSQUAD_FILES
