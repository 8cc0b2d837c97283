# make demo    environment, sample data, fine-tuning, scores, two generated questions
# make demo-causal    the same with a decoder-only model
# make demo-chat    a spreadsheet of instructions taught to that model, which then answers in other words
# make demo-document    a document, and checked questions about it
# make demo-choice    which of two answers is better: votes, a model that chooses, calibrated probabilities
# make demo-dpo    votes as pairs of answers, which a model learns to prefer by DPO
# make test    the tests
# make check   ruff, mypy and the layers of the rooms;  make format   ruff rewrites
# PYTHON=python3.11 chooses the interpreter of the environment in .venv

PYTHON ?= $(shell command -v python3.11 || command -v python3)
PY := .venv/bin/python

.PHONY: demo demo-causal demo-chat demo-document demo-choice demo-dpo test check format clean

demo: .venv/installed
	PYTHON=$(PY) bash samples/demo.sh

demo-causal: .venv/installed
	PYTHON=$(PY) bash samples/demo.sh base-causal

demo-chat: .venv/installed
	PYTHON=$(PY) bash samples/demo_chat.sh

demo-document: .venv/installed-documents
	PYTHON=$(PY) bash samples/demo_document.sh

demo-choice: .venv/installed
	PYTHON=$(PY) bash samples/demo_choice.sh

demo-dpo: .venv/installed
	PYTHON=$(PY) bash samples/demo_dpo.sh

test: .venv/installed-dev
	$(PY) -m pytest

check: .venv/installed-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(dir $(PY))lint-imports

format: .venv/installed-dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

# The environment is made once, and again when the requirements change.
.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Toi needs Python 3.11 or newer; choose it with: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	test -x $(PY) || $(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --requirement requirements.txt
	@touch $@

.venv/installed-documents: requirements-documents.txt .venv/installed
	$(PY) -m pip install --quiet --requirement requirements-documents.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt requirements-lora.txt requirements-documents.txt .venv/installed
	$(PY) -m pip install --quiet --requirement requirements-dev.txt
	@touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
