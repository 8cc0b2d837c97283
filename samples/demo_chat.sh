#!/usr/bin/env bash
# From a spreadsheet to a model that answers: a model is asked about a shop that does not exist, taught eleven rows about it among some
# hundreds of others, and asked in other words. `make demo-chat` calls it.
#   bash samples/demo_chat.sh [options of train.py]
# Fails unless no answer is right before, and all four behind it (whole answers: so each has ended by itself), and unless the loss on
# 50 other instructions is less than 1.1 times what it was.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

. samples/running.sh

# Ask a model the four questions; how many answers are right goes into `right`.
ask() {
    run generate.py "$@" --input_file samples/questions.tsv | tee "$log"
    right=$(tail -n 4 "$log" | paste -d '\t' - samples/answers.txt | awk -F '\t' '$1 == $2' | wc -l)
    echo "right: $right of 4"
}

may_replace model-chat instructions

printf '$ cat samples/questions.tsv\n'
cat samples/questions.tsv
ask --model_name_or_path samples/base-causal --task plain
[ "$right" -eq 0 ] || fail "the model knew it before"
run prepare_instructions.py --template plain --train_file samples/instructions.csv --dev_file samples/instructions_dev.csv \
    --output_dir data_chat --overwrite_output_dir
run train.py --do_train --model_name_or_path samples/base-causal --data_dir data_chat --output_dir model-chat --num_train_epochs 14 \
    --per_device_train_batch_size 16 --learning_rate 7e-4 --token_mask_probability 0.1 --no_load_best_model_at_end \
    --eval_before_training --eval_samples 2 ${overwrite[@]+"${overwrite[@]}"} "$@"
ask --model_name_or_path model-chat
[ "$right" -eq 4 ] || fail "not all answers are right"
awk -F , '
    NR == 1 { for (i = 1; i <= NF; i++) if ($i == "eval_loss") column = i }
    NR == 2 { before = $column }
    { after = $column }
    END { printf "loss on 50 other instructions: %.2f before, %.2f behind it\n", before, after; exit after >= 1.1 * before }
' model-chat/log.csv || fail "others were forgotten"
printf '\nNow talk to it:\n$ python generate.py --interactive --model_name_or_path model-chat\n'
