"""Where an engine differs from TGI, and why. The one table: a test that finds its feature here asserts the refusal
instead, so that nothing is left out and nothing is ignored silently."""

from typing import Literal

Feature = Literal[
    "adapter_id",
    "decoder_input_details",
    "images",
    "logit_bias",
    "n",
    "partial_character_ids",
    "regex_check",
    "watermark",
]

_ONE_MODEL = "one model, no LoRA weights"
_TEXT = "text models only"
_NOT_TGIS = "TGI ignores it; a server that cannot do it should say so"
_WATERMARK = "the method changes the distribution in TGI's own kernels"

LACKS: dict[str, dict[Feature, str]] = {
    "llamacpp": {
        "adapter_id": _ONE_MODEL,
        "images": _TEXT,
        "logit_bias": _NOT_TGIS,
        "n": _NOT_TGIS,
        "partial_character_ids": "llama.cpp reports a character of several tokens with the last one's probability",
        "watermark": _WATERMARK,
    },
    "transformers": {
        "adapter_id": _ONE_MODEL,
        "images": _TEXT,
        "logit_bias": _NOT_TGIS,
        "n": _NOT_TGIS,
        "watermark": _WATERMARK,
    },
    "tgi": {
        "regex_check": "its router passes a regular expression on unchecked; a wrong one fails in the generation",
    },
}
