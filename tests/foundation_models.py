"""Tiny models with random weights, written as transformers publishes them: config.json and model.safetensors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")

SEGGPT = {
    "hidden_size": 32,
    "num_hidden_layers": 5,
    "merge_index": 0,
    "num_attention_heads": 2,
    "decoder_hidden_size": 8,
    "image_size": (64, 32),
    "pretrain_image_size": 32,
    "intermediate_hidden_state_indices": [1, 2, 3, 4],
    "initializer_range": 0.2,
}
VIT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "initializer_range": 0.3}
DINOV2 = VIT | {"mlp_ratio": 2, "image_size": 56, "patch_size": 14}
DINOV3 = VIT | {"intermediate_size": 64, "num_register_tokens": 4}
CONVNEXT = {"hidden_sizes": [8, 8, 16, 32], "depths": [1, 1, 1, 1], "layer_scale_init_value": 1.0}
HIERA = {
    "model_type": "sam2_hiera_det_model",
    "hidden_size": 8,
    "image_size": [64, 64],
    "blocks_per_stage": [1, 2, 2, 1],
    "embed_dim_per_stage": [8, 16, 32, 64],
    "num_attention_heads_per_stage": [1, 1, 2, 4],
    "window_size_per_stage": [4, 2, 2, 2],
    "global_attention_blocks": [4],
    "window_positional_embedding_background_size": [4, 4],
}
SAM2 = {
    "vision_config": {
        "model_type": "sam2_vision_model",
        "backbone_config": HIERA,
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        "fpn_hidden_size": 128,
    },
    "prompt_encoder_config": {"hidden_size": 128, "image_size": 64, "mask_input_channels": 4},
    "mask_decoder_config": {
        "hidden_size": 128,
        "mlp_dim": 32,
        "num_attention_heads": 2,
        "iou_head_hidden_dim": 16,
    },
    "image_size": 64,
    "memory_attention_hidden_size": 128,
    "memory_attention_num_layers": 1,
    "memory_attention_feed_forward_hidden_size": 32,
    "memory_attention_rope_feat_sizes": [4, 4],
    "memory_encoder_hidden_size": 128,
    "memory_encoder_output_channels": 64,
    "mask_downsampler_embed_dim": 128,
    "memory_fuser_embed_dim": 128,
    "memory_fuser_intermediate_dim": 32,
}
SAM3_VISION = {
    "backbone_config": {
        "model_type": "sam3_vit_model",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 56,
        "pretrain_image_size": 28,
        "window_size": 2,
        "global_attn_indexes": [1],
    },
    "fpn_hidden_size": 128,
    "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
}
SAM3_TRACKER = {name: value for name, value in SAM2.items() if name != "image_size"} | {
    "vision_config": {"model_type": "sam3_vision_model", **SAM3_VISION},
    "prompt_encoder_config": {
        "hidden_size": 128,
        "image_size": 56,
        "patch_size": 14,
        "mask_input_channels": 4,
    },
    "image_size": 56,
}
NARROW = {"hidden_size": 128, "num_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
SAM3 = {
    "detector_config": {
        "model_type": "sam3",
        "vision_config": SAM3_VISION,
        "text_config": {
            "model_type": "clip_text_model",
            "vocab_size": 64,
            "hidden_size": 32,
            "intermediate_size": 32,
            "projection_dim": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "max_position_embeddings": 8,
            "bos_token_id": 0,
            "eos_token_id": 1,
        },
        "geometry_encoder_config": NARROW,
        "detr_encoder_config": NARROW,
        "detr_decoder_config": NARROW | {"num_queries": 4},
        "mask_decoder_config": {"hidden_size": 128, "num_attention_heads": 2},
    },
    "tracker_config": {"model_type": "sam3_tracker_video", **SAM3_TRACKER},
    "low_res_mask_size": 16,
}
MODELS = {
    "seggpt": ("SegGptConfig", "SegGptForImageSegmentation", SEGGPT),
    "dinov2": ("Dinov2Config", "Dinov2Model", DINOV2),
    "dinov2_with_registers": ("Dinov2WithRegistersConfig", "Dinov2WithRegistersModel", DINOV2),
    "dinov3_vit": ("DINOv3ViTConfig", "DINOv3ViTModel", DINOV3),
    "dinov3_convnext": ("DINOv3ConvNextConfig", "DINOv3ConvNextModel", CONVNEXT | {"initializer_range": 0.3}),
    "sam2_video": ("Sam2VideoConfig", "Sam2VideoModel", SAM2),
    "sam3_video": ("Sam3VideoConfig", "Sam3VideoModel", SAM3),
}
"""Kind of model -> its configuration and model in transformers, and what makes it tiny."""
README = "---\nlicense: apache-2.0\n---\nTiny and random.\n"


def needed() -> tuple[Any, Any]:
    """torch and transformers; skips where the extra is not installed."""
    why = "the extra `foundation` is not installed"
    return pytest.importorskip("torch", reason=why), pytest.importorskip("transformers", reason=why)


def write_model(folder: Path, kind: str = "seggpt", seed: int = 0, **changes: Any) -> Path:
    """A folder of weights of that kind."""
    torch, transformers = needed()
    configuration, model, settings = MODELS[kind]
    torch.manual_seed(seed)
    config = getattr(transformers, configuration)(**settings | changes)
    bar = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    getattr(transformers, model)(config).save_pretrained(folder)
    if bar:
        transformers.utils.logging.enable_progress_bar()
    if kind == "sam3_video":
        _name_as_published(folder / "model.safetensors")
    (folder / "README.md").write_text(README)
    return folder


def _name_as_published(path: Path) -> None:
    """transformers 5 writes the tracker's prefix twice; in what is published it stands once."""
    from safetensors.numpy import load_file, save_file

    named = {
        n.replace("tracker_model.tracker_model.", "tracker_model."): t for n, t in load_file(path).items()
    }
    save_file(named, path, metadata={"format": "pt"})
