#!/usr/bin/env bash
# The whole way, on the sample: data, fine-tuning, scores, two questions. `make demo` calls it.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python}

# Show a command as one would type it, then run it.
run() {
    printf '\n$ python'
    for word in "$@"; do
        case $word in *' '*) printf ' "%s"' "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    "$PYTHON" "$@"
}

# The demo may replace its own model, never another one.
overwrite=()
if [ -f model/task.json ] && grep -q '"name": "Toi sample"' model/task.json; then
    overwrite=(--overwrite_output_dir)
fi

run prepare_jsquad_aqg.py --highlight --train_file samples/train.json --test_file samples/test.json \
    --output_dir data_sample --dataset_name "Toi sample" --license MIT --questions_per_answer 4 --overwrite_output_dir
run train.py --do_train --do_eval --model_name_or_path samples/base --data_dir data_sample --output_dir model \
    --max_steps 1150 --per_device_train_batch_size 32 --learning_rate 7e-4 ${overwrite[@]+"${overwrite[@]}"}
run generate.py --answer 甲府市 --context 山梨県の県庁所在地は甲府市です。
run generate.py --answer 甲府市 --context 山梨県の県庁所在地は甲府市です。 --bad_words 山梨 山梨県
