#!/usr/bin/env bash
# Learning from votes by DPO: votes -> pairs of a better and a worse answer -> a model that tells them apart. `make demo-dpo`.
#   bash samples/demo_dpo.sh [options of train.py]
# Fails unless the accuracy of the dev pairs is 0.5 before the training, where nothing is told apart, and at least 0.9 behind it.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python}

. samples/running.sh

may_replace model-dpo preferences

run prepare_preferences.py --train_file samples/preferences.csv --kind pairs --template plain --validation_size 0.1 \
    --output_dir data_pairs --overwrite_output_dir
run train.py --do_train --loss dpo --model_name_or_path samples/base-causal --data_dir data_pairs --output_dir model-dpo \
    --max_steps 60 --per_device_train_batch_size 16 --learning_rate 1e-4 --eval_steps 15 --eval_before_training --eval_samples 0 \
    --metric_for_best_model accuracy ${overwrite[@]+"${overwrite[@]}"} "$@"
"$PYTHON" - <<'PYTHON'
import json, sys
accuracy = [entry["accuracy"] for entry in json.load(open("model-dpo/run.json"))["history"]]
if accuracy[0] != 0.5 or accuracy[-1] < 0.9:
    sys.exit(f"demo-dpo: the accuracy of dev pairs went from {accuracy[0]} to {accuracy[-1]}, not from 0.5 to 0.9 at least")
PYTHON
