"""Every named mixture has the tensor types that llama.cpp's own tool chooses.

``mixtures.json`` is what ``llama-quantize --dry-run`` (llama-cpp-python 0.3.36) printed for hollow F16 files of these
shapes: for each part of a layer the runs of types, layer by layer.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlas.engine.catalogue import catalogue
from atlas.engine.recipe import NAMES, Layout, assign, layout_of, needs_importance
from atlas.engine.shape import Shape
from atlas.engine.tensors import Tensor, tensors

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "mixtures.json").read_text())


def shape_of(recorded: dict[str, Any]) -> Shape:
    shape, layers = catalogue()[recorded["model"]].shape, recorded["layers"]
    kv_heads = shape.kv_heads[:1] * layers
    windowed = (shape.windowed * 9)[:layers]
    return replace(shape, layers=layers, kv_heads=kv_heads, windowed=windowed, vocabulary=2048, **recorded["changes"])


def runs(kinds: list[str]) -> str:
    return " ".join(f"{len(list(group))}x{kind}" for kind, group in itertools.groupby(kinds))


@pytest.mark.parametrize("title", RECORDED)
def test_the_types_are_those_of_the_tool(title: str) -> None:
    shape = shape_of(RECORDED[title])
    assert set(RECORDED[title]["types"]) == set(NAMES)
    for name, recorded in RECORDED[title]["types"].items():
        found: dict[str, list[str]] = {}
        for tensor, kind in assign(tensors(shape), layout_of(shape), name).items():
            if kind != "F16":  # the tool prints what it changes, and the recorded file was F16
                part = tensor.removesuffix(".weight")
                found.setdefault(part.partition(".")[2].partition(".")[2] or part, []).append(kind)
        assert {part: runs(kinds) for part, kinds in found.items()} == recorded, name


def test_an_importance_matrix_lets_some_mixtures_be_coarser() -> None:
    layer = [Tensor(f"blk.{i}.ffn_down.weight", (512, 256)) for i in range(8)]
    layout = Layout("llama", layers=8, heads_per_value=1)
    for name, without, with_one in (
        ("IQ3_XXS", "Q4_K", "IQ3_XXS"),
        ("IQ4_XS", "Q5_K", "IQ4_XS"),
        ("Q4_0", "Q4_0", "Q4_1"),
        ("Q4_K_S", "Q5_K", "Q5_K"),
    ):
        assert assign(layer, layout, name)["blk.0.ffn_down.weight"] == without
        assert assign(layer, layout, name, importance=True)["blk.0.ffn_down.weight"] == with_one


def test_which_types_are_garbage_without_an_importance_matrix() -> None:
    assert needs_importance("blk.0.ffn_up.weight", "IQ2_XS", "IQ2_XS")
    assert needs_importance("blk.0.ffn_up.weight", "Q2_K", "Q2_K_S")
    assert not needs_importance("blk.0.ffn_up.weight", "Q2_K", "Q2_K")
    assert not needs_importance("output.weight", "IQ3_XXS", "IQ3_XXS")
