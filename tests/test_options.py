import pytest

from generate import GenerateOptions
from predict import PredictOptions
from toi.decoding.options import DecodingOptions
from toi.system.cli import checked, parse
from toi.system.errors import InputError
from train import TrainOptions

ONE = "--context 文 --answer 文 "
BAD = [
    (GenerateOptions, ONE + "--answer_start 0 --occurrence 1", "give --answer_start or --occurrence, not both"),
    (GenerateOptions, ONE + "--occurrence 0", "--occurrence must be at least 1, not 0"),
    (GenerateOptions, ONE + "--answer_start -1", "--answer_start must be at least 0, not -1"),
    (GenerateOptions, ONE + "--question 問", "give --answer to get a question, or --question to get an answer"),
    (GenerateOptions, "--context 文 --input_file x", "--context cannot go with --input_file"),
    (GenerateOptions, "--answer 文 --interactive", "--answer cannot go with --interactive"),
    (GenerateOptions, "--interactive --input_file x", "give --input_file or --interactive, not both"),
    (GenerateOptions, ONE + "--num_return_sequences 201", "--num_return_sequences must be at most 200, not 201"),
    (GenerateOptions, ONE + "--num_return_sequences 0", "--num_return_sequences must be at least 1, not 0"),
    (GenerateOptions, ONE + "--output_format xml", "--output_format"),
    (PredictOptions, "--temperature 2 --top_k 3", "--temperature and --top_k need --do_sample"),
    (PredictOptions, "--do_sample --top_k -1", "--top_k must be at least 0, not -1"),
    (PredictOptions, "--do_sample --top_p 0", "--top_p must be above 0 and at most 1"),
    (PredictOptions, "--do_sample --temperature 0", "--temperature must be above 0"),
    (PredictOptions, "--do_sample --temperature nan", "--temperature must be above 0"),
    (PredictOptions, "--length_penalty nan", "--length_penalty must be a number"),
    (PredictOptions, "--repetition_penalty 0", "--repetition_penalty must be above 0"),
    (PredictOptions, "--no_repeat_ngram_size -1", "--no_repeat_ngram_size must be at least 0"),
    (PredictOptions, "--do_sample --num_beam_groups 2", "--num_beam_groups cannot go with --do_sample, which has no beams"),
    (PredictOptions, "--num_beam_groups 2", "--num_beam_groups needs --diversity_penalty, or the groups find the same"),
    (PredictOptions, "--num_beam_groups 3 --diversity_penalty 1", "--num_beams 4 cannot be divided into 3 --num_beam_groups"),
    (PredictOptions, "--diversity_penalty -1", "--diversity_penalty must be at least 0"),
    (PredictOptions, "--diversity_penalty 1", "--diversity_penalty needs --num_beam_groups or --num_return_sequences above 1"),
    (PredictOptions, "--backend torch --compute_type int8", "--compute_type int8 is not for --backend torch"),
    (PredictOptions, "--backend ctranslate2 --compute_type bfloat16", "--compute_type bfloat16 is not for --backend ctranslate2"),
    (
        PredictOptions,
        "--backend ctranslate2 --do_sample",
        "--backend ctranslate2 cannot go with --do_sample, which",
    ),
    (
        PredictOptions,
        "--compute_type int8 --length_penalty 1",
        "--compute_type int8 cannot go with --length_penalty, which only torch does",
    ),
    (
        GenerateOptions,
        "--backend ctranslate2 --num_return_sequences 3 --context 文 --answer 文",
        "cannot go with --num_return_sequences",
    ),
    (PredictOptions, "--compute_type int8 --repetition_penalty 2", "--compute_type int8 cannot go with --repetition_penalty"),
    (PredictOptions, "--backend onnx", "--backend"),
    (PredictOptions, "--max_batch_tokens 0", "--max_batch_tokens must be at least 1, not 0"),
    (PredictOptions, "--num_beams 201", "--num_beams must be at most 200, not 201"),
    (GenerateOptions, ONE + "--do_sample --num_return_sequences 201", "--num_return_sequences must be at most 200, not 201"),
    (PredictOptions, "--length_penalty 1000", "--length_penalty must be between -10 and 10, not 1000.0"),
    (PredictOptions, "--length_penalty -10.1", "--length_penalty must be between -10 and 10, not -10.1"),
    (PredictOptions, "--repetition_penalty 1e308", "--repetition_penalty must be between 0.001 and 1,000, not 1e+308"),
    (PredictOptions, "--do_sample --temperature 1e-320", "--temperature must be between 0.001 and 1,000, not 1e-320"),
    (PredictOptions, "--num_beam_groups 2 --diversity_penalty 1e39", "--diversity_penalty must be at most 1,000, not 1e+39"),
    (PredictOptions, "--num_beam_groups 2 --diversity_penalty inf", "--diversity_penalty must be at least 0"),
    (PredictOptions, "--max_target_length 1000000000", "--max_target_length must be at most 10,000, not 1000000000"),
    (TrainOptions, "--do_train --max_target_length 10001", "--max_target_length must be at most 10,000, not 10001"),
    (TrainOptions, "--do_train --metric_for_best_model accuracy", "--metric_for_best_model"),
    (TrainOptions, "--do_eval --num_beams 100000", "--num_beams must be at most 200, not 100000"),
    (TrainOptions, "--do_train --eval_steps 2 --evals_per_epoch 2", "give --eval_steps or --evals_per_epoch, not both"),
    (TrainOptions, "--do_train --evals_per_epoch 0", "--evals_per_epoch must be at least 1, not 0"),
    (TrainOptions, "--do_train --token_mask_probability 1", "--token_mask_probability must be at least 0 and below 1"),
    (TrainOptions, "--do_train --token_mask_probability nan", "--token_mask_probability must be at least 0 and below 1"),
    (
        TrainOptions,
        "--do_train --token_mask_probability 0.1 --source_loss_weight 1",
        "--token_mask_probability cannot go with --source_loss_weight",
    ),
    (TrainOptions, "--do_train --neftune_noise_alpha -1", "--neftune_noise_alpha must be at least 0, not -1.0"),
    (TrainOptions, "--do_train --neftune_noise_alpha 5 --torch_compile", "--neftune_noise_alpha cannot go with --torch_compile"),
    (TrainOptions, "--do_train --eval_samples 101", "--eval_samples must be at most 100, not 101"),
    (TrainOptions, "--do_train --optim adam", "--optim"),
    (PredictOptions, "--seed -1", "--seed must be at least 0 and below 2**32, not -1"),
]


@pytest.mark.parametrize(("options", "arguments", "message"), BAD)
def test_bad_options(options, arguments, message):
    with pytest.raises(InputError) as error:
        checked(parse(options, arguments.split()))
    assert message in str(error.value)


GOOD = [
    (GenerateOptions, ONE + "--num_return_sequences 10 --diversity_penalty 1"),
    (GenerateOptions, ONE + "--num_return_sequences 4 --num_beams 6 --num_beam_groups 3 --diversity_penalty 0.5"),
    (GenerateOptions, ONE + "--num_return_sequences 10 --do_sample --temperature 0.7 --top_k 0 --top_p 0.9 --seed 1"),
    (GenerateOptions, ONE + "--num_return_sequences 5"),
    (GenerateOptions, ONE + "--num_return_sequences 7 --num_beams 6 --num_beam_groups 3 --diversity_penalty 0.5"),
    (GenerateOptions, "--context 文<hl>文<hl>"),
    (GenerateOptions, "--input_file - --output_format json --allow_answer"),
    (PredictOptions, "--backend ctranslate2 --compute_type int8 --num_beams 1"),
    (PredictOptions, "--num_beams 200 --max_target_length 10000 --length_penalty -10"),
    (PredictOptions, "--do_sample --temperature 0.001 --repetition_penalty 1000 --top_k 1000000 --no_repeat_ngram_size 1000000"),
    (GenerateOptions, ONE + "--num_return_sequences 200 --diversity_penalty 1000 --length_penalty 10"),
    (PredictOptions, "--max_batch_tokens 1000000000 --per_device_eval_batch_size 1000000000 --max_input_length 1000000000"),
    (PredictOptions, "--repetition_penalty 1.2 --no_repeat_ngram_size 3 --length_penalty -1"),
]


@pytest.mark.parametrize(("options", "arguments"), GOOD)
def test_good_options(options, arguments):
    checked(parse(options, arguments.split()))


def test_bad_words_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("山梨\r\n\n甲府 市\n", encoding="utf-8")
    assert DecodingOptions(bad_words=["桃"], bad_words_file=str(path)).all_bad_words() == ["桃", "山梨", "甲府 市"]
    path.write_text("山梨\n\u200b\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"words.txt:2: a word without visible characters"):
        DecodingOptions(bad_words_file=str(path)).all_bad_words()
    with pytest.raises(InputError, match="no such file"):
        DecodingOptions(bad_words_file=str(tmp_path / "none")).all_bad_words()
