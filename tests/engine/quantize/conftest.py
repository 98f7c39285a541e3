"""The shipped model without its quantization: the origin of the files that are made here."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlas.engine.nano import model_path
from atlas.engine.quantize import plan, quantize


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model's weights in F32."""
    path = tmp_path_factory.mktemp("origin") / "nano-F32.gguf"
    quantize(plan(model_path(), path, "F32", allow_requantize=True), 2)
    return path
