"""A GGUF file as a model and a tokenizer of transformers.

transformers can read GGUF files too, but loses which tokens are added around a text and how a text is split, and so
reads prompts otherwise than the model learned them; and it goes through the file three times, which takes longer than
everything else. Here both are what the file says, or it is refused.
"""

from pathlib import Path
from typing import Any

import torch
from gguf import MODEL_ARCH, GGUFReader, TokenType, dequantize, get_tensor_name_map
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

# tokenizer.ggml.pre → how words are split, before bytes become characters.
SPLITTERS: dict[str, list[Any]] = {
    "default": [],
    "gpt-2": [],
    "smollm": [pre_tokenizers.Digits(individual_digits=True)],
}
MARKS = (TokenType.CONTROL, TokenType.USER_DEFINED)
INSTEAD = "Set MODEL_ID to the model's original repository, or use --engine llamacpp."


class GGUFFile:
    """An open file. All methods raise ``ValueError`` for what cannot be rebuilt exactly."""

    def __init__(self, path: Path) -> None:
        self._reader = GGUFReader(path)
        self._architecture = self._field("general.architecture")
        if self._architecture != "llama":
            raise ValueError(f"a GGUF file of the architecture {self._architecture} is not supported. {INSTEAD}")

    def _field(self, name: str, default: Any = None) -> Any:
        found = self._reader.fields.get(name)
        return default if found is None else found.contents()

    def _token(self, name: str, default: Any = None) -> Any:
        return self._field(f"tokenizer.{name}", default)

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The tokenizer, with the chat template."""
        kind, splitter = self._token("ggml.model"), self._token("ggml.pre", "default")
        if kind != "gpt2" or splitter not in SPLITTERS:
            raise ValueError(f"its tokenizer ({kind}, {splitter}) cannot be rebuilt from the GGUF file. {INSTEAD}")
        texts: list[str] = self._token("ggml.tokens")
        kinds = self._token("ggml.token_type", [TokenType.NORMAL] * len(texts))
        tokenizer = _byte_level_bpe(texts, self._token("ggml.merges"), SPLITTERS[splitter])
        tokenizer.add_tokens(
            [
                AddedToken(text, special=kind == TokenType.CONTROL, normalized=False)
                for text, kind in zip(texts, kinds, strict=True)
                if kind in MARKS
            ]
        )
        bos, eos = self._token("ggml.bos_token_id"), self._token("ggml.eos_token_id")
        if self._token("ggml.add_bos_token", False) and bos is not None:
            tokenizer.post_processor = processors.TemplateProcessing(
                single=f"{texts[bos]} $A", special_tokens=[(texts[bos], bos)]
            )
        return PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            bos_token=None if bos is None else texts[bos],
            eos_token=None if eos is None else texts[eos],
            chat_template=self._token("chat_template"),
        )

    def model(self, dtype: torch.dtype, device: torch.device) -> PreTrainedModel:
        """The model with its weights, no longer quantized."""
        config = self._config()
        model: PreTrainedModel = LlamaForCausalLM.from_pretrained(
            None, config=config, state_dict=self._weights(config, dtype), dtype=dtype
        )
        return model.to(device)

    def _config(self) -> LlamaConfig:
        def of(name: str, default: Any = None) -> Any:
            return self._field(f"llama.{name}", default)

        heads = of("attention.head_count")
        return LlamaConfig(
            vocab_size=len(self._token("ggml.tokens")),
            hidden_size=of("embedding_length"),
            intermediate_size=of("feed_forward_length"),
            num_hidden_layers=of("block_count"),
            num_attention_heads=heads,
            num_key_value_heads=of("attention.head_count_kv", heads),
            head_dim=of("attention.key_length", of("embedding_length") // heads),
            max_position_embeddings=of("context_length"),
            rms_norm_eps=of("attention.layer_norm_rms_epsilon"),
            rope_theta=of("rope.freq_base", 10_000.0),
            bos_token_id=self._token("ggml.bos_token_id"),
            eos_token_id=self._token("ggml.eos_token_id"),
            tie_word_embeddings=not any(tensor.name == "output.weight" for tensor in self._reader.tensors),
        )

    def _weights(self, config: LlamaConfig, dtype: torch.dtype) -> dict[str, torch.Tensor]:
        tensors = {tensor.name: tensor for tensor in self._reader.tensors}
        with torch.device("meta"):
            names = list(LlamaForCausalLM(config).state_dict())
        stored_names = get_tensor_name_map(MODEL_ARCH.LLAMA, config.num_hidden_layers)
        weights = {}
        for name in names:
            stored = tensors.pop(stored_names.get_name(name, (".weight",)), None)
            if stored is None:
                # The output weights of a model that shares them with the input.
                continue
            weight = torch.tensor(dequantize(stored.data, stored.tensor_type), dtype=dtype)
            if name.endswith("q_proj.weight"):
                weight = _halves(weight, config.num_attention_heads)
            elif name.endswith("k_proj.weight"):
                weight = _halves(weight, config.num_key_value_heads)
            weights[name] = weight
        if tensors:
            raise ValueError(f"a GGUF file with {', '.join(sorted(tensors)[:3])} is not supported. {INSTEAD}")
        return weights


def _halves(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of each head as transformers rotates them, first halves with second ones; GGUF has neighbours together."""
    rows, columns = weight.shape
    return weight.view(heads, rows // heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)


def _byte_level_bpe(texts: list[str], merges: list[str], splitter: list[Any]) -> Tokenizer:
    vocabulary = {text: token for token, text in enumerate(texts)}
    pairs = [tuple(merge.split(" ", 1)) for merge in merges]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=pairs))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*splitter, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer
