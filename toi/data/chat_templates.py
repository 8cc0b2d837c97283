r"""Chat templates as they were published, for a model that has none of its own.

    chatml     <|im_start|>user\n...<|im_end|>\n      huggingface/trl, `setup_chat_format`; OpenAI's chat markup language
    llama-2    <s>[INST] ... [/INST] ... </s>         meta-llama/Llama-2-7b-chat-hf, tokenizer_config.json
    llama-3    <|start_header_id|>user<|end_header_id|>\n\n...<|eot_id|>     meta-llama/Meta-Llama-3-8B-Instruct, likewise
    gemma      <start_of_turn>user\n...<end_of_turn>\n                       google/gemma-7b-it, likewise

A file of Jinja is a template of one's own.
"""

from pathlib import Path

from toi.system.errors import InputError
from toi.system.files import read_text

_ALTERNATE = (
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
)
CHAT_TEMPLATES = {
    "chatml": (
        "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    ),
    "llama-2": (
        "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
        "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
        "{% set system_message = false %}{% endif %}{% for message in loop_messages %}" + _ALTERNATE + "{% if loop.index0 == 0 and "
        "system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
        "{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
        "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
        "{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
    ),
    "llama-3": (
        "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + "
        "message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}"
        "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}"
        "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
    ),
    "gemma": (
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for message in messages %}" + _ALTERNATE + "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}"
        "{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + "
        "'<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\\n'}}{% endif %}"
    ),
}


def named_template(name: str) -> str:
    """A published template, or what a file holds. Raises InputError for a name that is neither."""
    if name in CHAT_TEMPLATES:
        return CHAT_TEMPLATES[name]
    if not Path(name).is_file():
        raise InputError(f"--chat_template {name}: no such file; give a file of Jinja, or {', '.join(CHAT_TEMPLATES)}")
    return read_text(name)
