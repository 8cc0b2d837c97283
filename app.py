"""A page for people without a terminal: ask about a text, answer, questions from documents, conversations.

    python app.py                       http://127.0.0.1:7860, with the models of this folder
    python app.py --model_dir models --host 0.0.0.0 --auth 山田:secret

As it stands it runs on a Hugging Face Space (sdk: gradio) whose files hold a model folder.
"""

import sys

if __name__ == "__main__":  # first: what goes wrong in the other imports is said in a line
    try:
        from toi.system import start
    except ImportError:
        print("app.py: the package toi is not found: leave out -P, -I and PYTHONSAFEPATH", file=sys.stderr)
        sys.exit(2)
    start.begin()

from toi.page.options import PageOptions
from toi.system.cli import run


def main(options: PageOptions) -> None:
    """Serve the page until Ctrl-C."""
    from toi.page.choice import Models

    models = Models(options.model_dir, options.max_models)
    from toi.page.serving import serve

    serve(models, options)


if __name__ == "__main__":
    run(main, PageOptions)
