#!/usr/bin/env bash
# Which of two answers is better? Votes -> rows to choose by -> a model -> calibrated probabilities and their scores. `make demo-choice`.
#   bash samples/demo_choice.sh [options of train.py]
# Fails unless the log loss of the test rows is at most 0.45, their calibration error behind --calibrate dev at most 0.05, and no
# decision changes where both answers of every row change places.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python}

. samples/running.sh

may_replace model-choice preferences

run prepare_preferences.py --train_file samples/preferences.csv --validation_size 0.1 --test_size 0.1 --swap --choices A B 同じ \
    --source_template '{prompt}\nA: {response_a}\nB: {response_b}\n判定:' --output_dir data_choice --overwrite_output_dir
run train.py --do_train --model_name_or_path samples/base-causal --data_dir data_choice --output_dir model-choice --loss choice \
    --max_steps 360 --per_device_train_batch_size 32 --learning_rate 5e-4 ${overwrite[@]+"${overwrite[@]}"} "$@"
run predict.py --model_name_or_path model-choice --data_dir data_choice --calibrate dev
run evaluate.py --output_dir model-choice --data_dir data_choice
"$PYTHON" - <<'PYTHON' || fail "the scores are not what they should be"
import json, sys
metrics = json.load(open("model-choice/results.json"))["splits"]["test"]["metrics"]
sys.exit(not (metrics["log_loss"] <= 0.45 and metrics["ece"] <= 0.05))
PYTHON
# The same rows with both answers the other way round.
"$PYTHON" samples/mirrored.py data_choice data_choice_mirrored
run predict.py --model_name_or_path model-choice --data_dir data_choice --swap_average
run predict.py --model_name_or_path model-choice --data_dir data_choice_mirrored --swap_average --output_file model-choice/mirrored_output.tsv
"$PYTHON" samples/mirrored.py --compare model-choice/test_output.tsv model-choice/mirrored_output.tsv || fail "a swap changed a decision"
printf '\nNow look at model-choice/report.html\n'
