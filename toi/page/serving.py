"""Serves the page: nothing leaves this machine, and nothing outside of the given folders is read or written."""

import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported, which else asks the network
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

from toi.page.choice import Models
from toi.page.options import PageOptions
from toi.system.errors import InputError, first_line

_FAR_TOO_LARGE = 4  # times the limit of a document: such a file is not even taken, and only gradio says so, in English
_SPACE_HOST, _SPACE_PORT = "0.0.0.0", 7860  # what a Hugging Face Space shows to the world


def serve(models: Models, options: PageOptions) -> None:
    """Serve the page until Ctrl-C, or SIGTERM. Raises InputError where its address cannot be had."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: ended.set())  # what users uploaded must not stay
    with served(models, options) as address:
        print(f"{address}    Ctrl-C ends", flush=True)
        ended.wait()
    os._exit(0)  # threads that still compute are not waited for


@contextmanager
def served(models: Models, options: PageOptions) -> Iterator[str]:
    """The page is at the address while the block runs. Files of users stand in a folder of its own, which goes with it."""
    with tempfile.TemporaryDirectory(prefix="toi-page-") as own, _environment(own) as uploads:
        from toi.page.layout import STYLE, build

        page, say = build(models, options, uploads)
        users = [(name, password) for name, _, password in (one.partition(":") for one in options.auth)]
        host, port = address_of(options)
        try:
            _, address, _ = page.launch(
                server_name=host, server_port=port, auth=users or None, prevent_thread_lock=True,
                max_file_size=_FAR_TOO_LARGE * options.max_file_mb << 20, share=False, i18n=say, css=STYLE, ssr_mode=False,
                pwa=False, enable_monitoring=False, run_history=False, footer_links=["api"], show_error=True, quiet=True,
            )  # fmt: skip
        except OSError as error:
            raise InputError(f"the page cannot be served: {first_line(error)}; choose another --port") from None
        try:
            yield address
        finally:
            page.close(verbose=False)


def address_of(options: PageOptions) -> tuple[str | None, int | None]:
    """The host and the port to listen on, None for what gradio chooses: on a Hugging Face Space what that shows, unless said."""
    if "SPACE_ID" not in os.environ:
        return options.host, options.port
    host = options.host or os.environ.get("GRADIO_SERVER_NAME") or _SPACE_HOST
    return host, options.port or int(os.environ.get("GRADIO_SERVER_PORT") or _SPACE_PORT)


@contextmanager
def _environment(folder: str) -> Iterator[str]:
    """Inside this block gradio keeps what users upload in a folder below this one, and libraries their caches in another."""
    places = {"GRADIO_TEMP_DIR": f"{folder}/uploads", "XDG_CACHE_HOME": f"{folder}/caches"}
    before = {name: os.environ.get(name) for name in places}
    for name, place in places.items():
        os.mkdir(place)
        os.environ[name] = place
    try:
        yield places["GRADIO_TEMP_DIR"]
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            os.environ.update({} if value is None else {name: value})
