#!/usr/bin/env bash
# The whole way, on the sample: data, fine-tuning, scores, two questions. `make demo` calls it, and `make demo-causal` with another base.
#   bash samples/demo.sh [base]            samples/base -> model
#   bash samples/demo.sh base-causal       samples/base-causal -> model-causal
set -euo pipefail
cd "$(dirname "$0")/.."
base=${1:-base}
output=model${base#base}
PYTHON=${PYTHON:-python}

. samples/running.sh

may_replace "$output" "Toi sample"
model=() # `generate.py` takes `model` where none is named
if [ "$output" != model ]; then
    model=(--model_name_or_path "$output")
fi

run prepare_jsquad_aqg.py --highlight --train_file samples/train.json --test_file samples/test.json \
    --output_dir data_sample --dataset_name "Toi sample" --license MIT --questions_per_answer 2 --overwrite_output_dir
run train.py --do_train --do_eval --model_name_or_path "samples/$base" --data_dir data_sample --output_dir "$output" \
    --max_steps 600 --per_device_train_batch_size 32 --learning_rate 3e-4 ${overwrite[@]+"${overwrite[@]}"}
run generate.py ${model[@]+"${model[@]}"} --answer 甲府市 --context 山梨県の県庁所在地は甲府市です。
run generate.py ${model[@]+"${model[@]}"} --answer 甲府市 --context 山梨県の県庁所在地は甲府市です。 --bad_words 山梨 山梨県
