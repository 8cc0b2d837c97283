"""Models that answer requests, each with the task that says in which words it is asked: one, or two that are compared."""

from collections.abc import Sequence
from typing import NamedTuple

from toi.data.task_files import chosen_tasks
from toi.data.tasks import Task
from toi.decoding.decoder import Decoder
from toi.decoding.options import DecodingOptions
from toi.models.chat_templates import chat_task
from toi.models.opening import open_model
from toi.system.saying import say


class Asked(NamedTuple):
    """A model that is asked."""

    name: str
    decoder: Decoder
    task: Task


def open_asked(names: Sequence[str], task: str | None, options: DecodingOptions) -> list[Asked]:
    """The models, ready to be asked; the tokenizer of the options is the first one's. Raises InputError as `open_model`."""
    models = []
    for i, name in enumerate(names):
        models.append(open_model(name, None if i else options.tokenizer_name_or_path, backend=options.backend))
    own, tokenizers = [model.task for model in models], [options.tokenizer_name_or_path or names[0], *names[1:]]
    chats = task == "chat" and None in own
    if chats:
        own = [one or chat_task(tokenizer) for one, tokenizer in zip(own, tokenizers, strict=True)]
    tasks = chosen_tasks(names, own, None if chats else task)
    for model, chosen in zip(models, tasks, strict=True):
        if model.task is None and len(models) > 1:
            say(f"{model.name} has no task.json: it is asked with the task {chosen.name}{' of the other model' * (task is None)}")
        model.family.follow(chosen)
    return [Asked(name, Decoder(model), task) for name, model, task in zip(names, models, tasks, strict=True)]
