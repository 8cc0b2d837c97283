"""The chat template of a model: where it comes from, and what is left for others."""

from typing import TYPE_CHECKING

from toi.data.chat import ChatTemplate
from toi.data.chat_templates import CHAT_TEMPLATES, named_template
from toi.data.tasks import INSTRUCTIONS, Task
from toi.data.template_options import TemplateOptions
from toi.data.templates import USER_TEMPLATES
from toi.system.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from toi.models.checkpoint import Checkpoint
    from toi.models.counting import CountingTokenizer


def chat_template(
    given: str | None, fast: "PreTrainedTokenizerFast | None", name: str | None, *, enable_thinking: bool = False
) -> ChatTemplate:
    """The chat template that is `given` (`chatml`, a file), or that of a tokenizer itself, whose model is called `name`.

    Raises InputError if there is none, or it cannot be used.
    """
    own = None if fast is None else fast.chat_template
    if isinstance(own, dict):  # one for tools, one for documents
        own = own.get("default")
    if given is None and own is None:
        known = ", ".join(CHAT_TEMPLATES)
        raise InputError(f"{name}: the tokenizer has no chat template; give one with --chat_template {known}, or a file")
    template = named_template(given) if given is not None else own
    assert template is not None
    roles = {} if fast is None else {role: token for role, token in fast.special_tokens_map.items() if isinstance(token, str)}
    special = [] if fast is None else [token.content for token in fast.added_tokens_decoder.values() if token.special]
    try:
        return ChatTemplate.of(template, roles, special, usual=given is not None, enable_thinking=enable_thinking)
    except InputError as error:
        raise InputError(f"{given or name}: {error}") from None


def chat_task(name: str) -> Task:
    """What a model is asked that came without `task.json`: a conversation, as the chat template of the tokenizer `name` puts it.

    Raises InputError if it has none, or one that cannot be used.
    """
    from toi.models.counting import counting_tokenizer

    tokenizer = counting_tokenizer(name)
    assert tokenizer is not None
    if tokenizer.fast.chat_template is None:
        raise InputError(f"{name}: the tokenizer has no chat template, which --task chat needs; --task plain asks without one")
    template = chat_template(None, tokenizer.fast, name)
    source, target, without_input = USER_TEMPLATES
    return Task("chat", source, target, INSTRUCTIONS, source_template_without_input=without_input, chat_template=template)


def template_of(options: TemplateOptions, tokenizer: "CountingTokenizer | None") -> ChatTemplate | None:
    """The chat template that a prepare script is told to put instructions with, if any; `tokenizer` is the one it counts with.

    Raises InputError as `chat_template`.
    """
    if options.template != "chat":
        return None
    fast = None if tokenizer is None else tokenizer.fast
    return chat_template(options.chat_template, fast, options.tokenizer_name_or_path, enable_thinking=options.enable_thinking)


def add_markers(checkpoint: "Checkpoint", template: ChatTemplate) -> list[int]:
    """Let the special tokens of a chat template be tokens of a model. Returns the ids that are new to it."""
    from toi.models.checkpoint import add_tokens

    return add_tokens(checkpoint, template.markers, takes_spaces=False)


def leave_for_others(checkpoint: "Checkpoint", template: ChatTemplate) -> None:
    """Let the model folder say by itself, to other programs, how the model is spoken to and what ends its outputs."""
    checkpoint.tokenizer.fast.chat_template = template.template
    config = checkpoint.model.generation_config
    if config is not None:
        config.eos_token_id = list(checkpoint.family.end_ids)
