"""T5 and mT5 for CTranslate2."""

from pathlib import Path

from transformers import PreTrainedModel

from toi.models.t5.steps import knows, scales_outputs


def obstacle(model: PreTrainedModel) -> str | None:
    """Why CTranslate2 cannot run this model; None if it can."""
    if not knows(model):
        return f"a {model.config.model_type} model is not converted, only T5 and mT5"
    from ctranslate2.converters.transformers import _SUPPORTED_ACTIVATIONS

    if model.config.dense_act_fn not in _SUPPORTED_ACTIVATIONS:
        return f"it does not know the activation {model.config.dense_act_fn}"
    return None


def convert(model: PreTrainedModel, folder: Path, start_id: int, eos_id: int, unk_id: int) -> None:
    """Write the converted model. Its tokens are called "0", "1", ..., by their ids."""
    from ctranslate2.converters.transformers import T5Loader
    from ctranslate2.specs.model_spec import OPTIONAL

    spec = T5Loader().get_model_spec(model.cpu())
    # The loader goes by tie_word_embeddings, which transformers 5 sets for models, too, that do not scale (v1.1, mT5).
    spec.decoder.scale_outputs = model.config.d_model**-0.5 if scales_outputs(model) else OPTIONAL
    names = [str(i) for i in range(model.get_input_embeddings().weight.shape[0])]
    spec.register_source_vocabulary(names)
    spec.register_target_vocabulary(names)
    spec.config.bos_token = spec.config.decoder_start_token = str(start_id)
    spec.config.eos_token = str(eos_id)
    spec.config.unk_token = str(unk_id)
    spec.config.layer_norm_epsilon = model.config.layer_norm_epsilon
    spec.validate()
    spec.optimize(quantization=None)
    spec.save(str(folder))
