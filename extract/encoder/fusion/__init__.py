"""Layer fusion: the states of all layers become one state a piece for each task.

Each method is one class, registered by name.
"""

from extract.encoder.fusion import (  # noqa: F401 (imported to be registered)
    aggregation_tree,
    cross_attention,
    grouped,
    layer_conv,
    layer_tapped,
    mixes,
    multi_vector,
    optimal_transport,
    sparse_offsets,
)
from extract.encoder.fusion.base import (
    FUSIONS,
    TASKS,
    Fusion,
    FusionConfig,
    TaskStates,
    build_fusion,
    check_exits,
    cut_fusion,
    fusion_class,
    fusion_config,
    register_fusion,
)

__all__ = [
    "FUSIONS",
    "TASKS",
    "Fusion",
    "FusionConfig",
    "TaskStates",
    "build_fusion",
    "check_exits",
    "cut_fusion",
    "fusion_class",
    "fusion_config",
    "register_fusion",
]
