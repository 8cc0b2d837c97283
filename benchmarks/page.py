"""Twenty users of the page at once: is everybody answered, with the right answer, and how long do they wait?

    python benchmarks/page.py --model_dir . --model model        (after make demo)

The page runs in a process of its own (`app.py`); each user asks for questions about answers of the sample's test split, one after
another, through the page's API and its queue. Before, each request was asked alone: an answer that differs, or is that of
another user, counts as wrong.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def wishes(count: int) -> list[dict[str, Any]]:
    """Contexts and answers of the sample's test split, a few with a banned word."""
    articles = json.loads((ROOT / "samples" / "test.json").read_text(encoding="utf-8"))["data"]
    found = [
        {"context": paragraph["context"], "answer": qa["answers"][0]["text"], "start": qa["answers"][0]["answer_start"]}
        for article in articles
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]
    return random.Random(0).sample(found, count)


def asked(client: Any, model: str, wish: dict[str, Any]) -> list[str]:
    """The texts of the outputs."""
    result = client.predict(model, wish["context"], wish["answer"], wish["start"], 3, [], api_name="/questions")
    return [output["text"] for output in result["outputs"]]


Alone = list[tuple[dict[str, Any], list[str]]]  # wishes, each with what it gets alone


def user(address: str, model: str, number: int, until: float, alone: Alone, seen: list[Any]) -> None:
    """One user, who asks until the time is over; what came is noted as (seconds, whether it was right), or an error."""
    from gradio_client import Client

    client, rng = Client(address, verbose=False), random.Random(number)
    while time.monotonic() < until:
        wish, right = rng.choice(alone)
        started = time.monotonic()
        try:
            found = asked(client, model, wish)
            seen.append((time.monotonic() - started, found == right))
        except Exception as error:
            seen.append(error)


def crowd(address: str, model: str, users: int, seconds: float, alone: Alone) -> list[Any]:
    """What so many users at once saw in so many seconds."""
    seen: list[list[Any]] = [[] for _ in range(users)]
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=user, args=(address, model, number, until, alone, seen[number])) for number in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [one for of_user in seen for one in of_user]


def show(seen: list[Any], users: int, seconds: float, one: float) -> None:
    """Print the figures; `one` is what one request takes alone."""
    answers = [found for found in seen if isinstance(found, tuple)]
    errors = [found for found in seen if not isinstance(found, tuple)]
    times = sorted(waited for waited, _ in answers)
    wrong = sum(not right for _, right in answers)
    print(f"{users} users, {seconds:.0f} s: {len(answers):,} answers, {len(errors)} errors, {wrong} wrong")
    print(f"{len(answers) / seconds:.1f} answers a second; one request alone takes {one:.2f} s")
    print(f"a user waits {statistics.median(times):.2f} s, 95% of them {times[int(0.95 * len(times))]:.2f} s at most")
    for error in errors[:3]:
        print(repr(error))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model_dir", default=".")
    parser.add_argument("--model", default="model")
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--port", type=int, default=7899)
    options = parser.parse_args()
    from gradio_client import Client

    command = [sys.executable, str(ROOT / "app.py"), "--model_dir", options.model_dir, "--port", str(options.port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as page:
        assert page.stdout is not None
        address = page.stdout.readline().split()[0]
        client = Client(address, verbose=False)
        alone = [(wish, asked(client, options.model, wish)) for wish in wishes(60)]
        started = time.monotonic()
        asked(client, options.model, alone[0][0])
        one = time.monotonic() - started
        seen = crowd(address, options.model, options.users, options.seconds, alone)
        page.terminate()
    show(seen, options.users, options.seconds, one)


if __name__ == "__main__":
    main()
