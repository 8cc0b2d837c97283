"""Serves the page: nothing leaves this machine, and nothing outside of the given folders is read or written."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported, which else asks the network
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

from toi.page.choice import Models
from toi.page.options import PageOptions
from toi.system.errors import InputError, first_line


def serve(models: Models, options: PageOptions) -> None:
    """Serve the page until Ctrl-C. Raises InputError where its address cannot be had."""
    import threading

    with served(models, options) as address:
        print(f"{address}    Ctrl-C ends", flush=True)
        threading.Event().wait()


@contextmanager
def served(models: Models, options: PageOptions) -> Iterator[str]:
    """The page is at the address while the block runs. Files of users stand in a folder of its own, which goes with it."""
    with tempfile.TemporaryDirectory(prefix="toi-page-") as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads
        from toi.page.layout import STYLE, build

        page, say = build(models, options, uploads)
        users = [(name, password) for name, _, password in (one.partition(":") for one in options.auth)]
        try:
            _, address, _ = page.launch(
                server_name=options.host, server_port=options.port, auth=users or None, prevent_thread_lock=True,
                max_file_size=options.max_file_mb * 10**6, share=False, i18n=say, css=STYLE, ssr_mode=False,
                enable_monitoring=False, footer_links=["api"], show_error=True, allowed_paths=[],
                blocked_paths=[os.getcwd()], quiet=True,
            )  # fmt: skip
        except OSError as error:
            raise InputError(f"the page cannot be served: {first_line(error)}; choose another --port") from None
        try:
            yield address
        finally:
            page.close(verbose=False)
