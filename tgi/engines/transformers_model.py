"""From a folder or a GGUF file to a model on its device, and its tokenizer."""

from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast
from transformers.utils import logging

from tgi.engines.transformers_attention import use_grouped_attention
from tgi.engines.transformers_gguf import GGUFFile

# Half precision: twice as fast, and what models are published in.
GPU_DTYPES = {"cuda": torch.bfloat16, "mps": torch.float16}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is ready to compute. ``ends`` are the tokens that end its turn, the usual one first."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    device: torch.device
    ends: tuple[int, ...]
    layers: int
    vocabulary: int
    parameters: frozenset[str]

    def __call__(self, **given: Any) -> torch.Tensor:
        """Logits for a step. Older kinds of models find places out by themselves, and give logits for all tokens."""
        taken = {name: value for name, value in given.items() if name in self.parameters}
        logits: torch.Tensor = self.model(**taken, use_cache=True).logits
        return logits


def load(path: Path, *, device: str, dtype: str | None) -> Loaded:
    """Load what is at ``path``. Raises ``ValueError`` with one line that says what to do."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    where = choose_device(device)
    try:
        model, tokenizer = (_folder if path.is_dir() else _file)(path, choose_dtype(dtype, where), where)
    except torch.OutOfMemoryError:
        raise ValueError(
            f"not enough memory on {where} for this model: use a smaller one, or another --device"
        ) from None
    except Exception as error:
        # Its libraries have an error of their own for every kind of file.
        raise ValueError(f"transformers cannot load {path}: {_first_line(error)}") from error
    _check(model, tokenizer)
    use_grouped_attention(model)
    config = model.config.get_text_config(decoder=True)
    return Loaded(
        model,
        tokenizer,
        where,
        ends=_ends(model, tokenizer),
        layers=config.num_hidden_layers,
        vocabulary=config.vocab_size,
        parameters=frozenset(signature(model.forward).parameters),
    )


def _folder(path: Path, dtype: torch.dtype, device: torch.device) -> tuple[PreTrainedModel, Any]:
    model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype, device_map={"": device})
    return model.eval(), AutoTokenizer.from_pretrained(path)


def _file(path: Path, dtype: torch.dtype, device: torch.device) -> tuple[PreTrainedModel, Any]:
    file = GGUFFile(path)
    return file.model(dtype, device).eval(), file.tokenizer()


def choose_device(name: str) -> torch.device:
    """The device asked for, or the best there is. Raises ``ValueError``."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, there in available.items() if there)
    if not available[name]:
        raise ValueError(f"DEVICE is {name}, but PyTorch {torch.__version__} sees none. Unset it, or say cpu.")
    return torch.device(name, 0) if name == "cuda" else torch.device(name)


def choose_dtype(name: str | None, device: torch.device) -> torch.dtype:
    """The type asked for, or half precision where the device computes in it."""
    if name is not None:
        chosen: torch.dtype = getattr(torch, name)
        return chosen
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    if device.type == "cpu":
        return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32
    return GPU_DTYPES[device.type]


def _check(model: PreTrainedModel, tokenizer: Any) -> None:
    if not getattr(tokenizer, "is_fast", False):
        raise ValueError("the model has no fast tokenizer (tokenizer.json), which this server needs. Choose another.")
    if getattr(model, "_is_stateful", False):
        kind = model.config.model_type
        raise ValueError(f"a model of the kind {kind} keeps a state that cannot be batched here. Choose another.")


def _ends(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> tuple[int, ...]:
    for given in (model.generation_config.eos_token_id, model.config.eos_token_id, tokenizer.eos_token_id):
        if given is not None:
            return tuple(given) if isinstance(given, list | tuple) else (given,)
    return ()


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
