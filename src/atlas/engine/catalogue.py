"""The models of the field as data (``catalogue.toml``): shape, licence, date of release, drafts, published sizes."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from atlas.engine.recipe import QUANTIZATIONS
from atlas.engine.shape import Shape, windows
from atlas.engine.tensors import KNOWN
from atlas.errors import UsageError

_FILE = Path(__file__).with_name("catalogue.toml")
_Repository = Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _ShapeEntry(_Strict):
    """A shape as the file writes it: one head size, and how many layers see a window by the architecture's rule."""

    architecture: str
    context: PositiveInt
    layers: PositiveInt
    width: PositiveInt
    heads: PositiveInt
    kv_heads: PositiveInt
    head_size: PositiveInt
    value_size: PositiveInt | None = None
    feed: PositiveInt
    vocabulary: PositiveInt
    tied: bool
    window: int = 0
    experts: int = 0
    experts_used: int = 0
    expert_feed: int = 0
    shared_feed: int = 0
    dense_lead: int = 0
    kv_rank: int = 0
    rope_size: int = 0

    @model_validator(mode="after")
    def _consistent(self) -> _ShapeEntry:
        if self.architecture not in KNOWN:
            raise ValueError(f"the tensors of {self.architecture} are not known")
        if self.heads % self.kv_heads or self.experts_used > self.experts or self.dense_lead > self.layers:
            raise ValueError("heads, experts or layers contradict each other")
        if bool(self.experts) != bool(self.expert_feed and self.experts_used):
            raise ValueError("a mixture has experts, experts_used and expert_feed")
        return self

    def shape(self) -> Shape:
        rest = self.model_dump(exclude={"head_size", "kv_heads", "value_size"})
        return Shape(
            **rest,
            kv_heads=(self.kv_heads,) * self.layers,
            key_size=self.head_size,
            value_size=self.value_size or self.head_size,
            windowed=windows(self.architecture, self.layers) if self.window else (),
        )


class CatalogueModel(_Strict):
    """One model. ``sizes_gb`` are published file sizes, in units of 10^9 bytes, by quantization."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
    title: str
    repository: _Repository
    """Where its ``config.json`` lies."""
    files: _Repository
    """Where its GGUF files lie."""
    license: str
    released: date
    drafts: tuple[str, ...]
    shape_entry: Annotated[_ShapeEntry, Field(alias="shape")]
    sizes_gb: Mapping[str, PositiveFloat] = {}

    @model_validator(mode="after")
    def _known_quantizations(self) -> CatalogueModel:
        if unknown := set(self.sizes_gb) - set(QUANTIZATIONS):
            raise ValueError(f"no quantization is called {', '.join(sorted(unknown))}")
        return self

    @property
    def shape(self) -> Shape:
        """Its shape."""
        return self.shape_entry.shape()

    @property
    def quantizations(self) -> tuple[str, ...]:
        """Those in which it is published, from the finest to the coarsest."""
        return tuple(kind for kind in QUANTIZATIONS if kind in self.sizes_gb)


@cache
def catalogue() -> Mapping[str, CatalogueModel]:
    """All models by id, in the order of the file.

    Raises:
        ValueError: the file is invalid, which its test rules out.
    """
    return parse(tomllib.loads(_FILE.read_text(encoding="utf-8")))


def parse(data: Mapping[str, Any]) -> Mapping[str, CatalogueModel]:
    """The models of a parsed file, checked one by one and against each other.

    Raises:
        ValueError: an entry is invalid, an id comes twice, or a draft is unknown or has another vocabulary.
    """
    models = [CatalogueModel.model_validate(entry) for entry in data["models"]]
    found = {model.id: model for model in models}
    if len(found) != len(models):
        raise ValueError("an id comes twice")
    for model in models:
        for name in model.drafts:
            if name not in found:
                raise ValueError(f"{model.id} names a draft that is not here: {name}")
            # Families pad their vocabularies to different multiples; llama.cpp allows a difference of 128.
            if abs(found[name].shape.vocabulary - model.shape.vocabulary) > 128:
                raise ValueError(f"{name} has another vocabulary than {model.id}")
    return found


def find(name: str) -> CatalogueModel:
    """The model of that id, in any case of letters.

    Raises:
        UsageError: there is none; the sentence names similar ones.
    """
    models = catalogue()
    if (found := models.get(name.lower())) is not None:
        return found
    close = difflib.get_close_matches(name.lower(), models, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(close)}?" if close else "`atlas models` lists those there are."
    raise UsageError(f"No model is called {name[:80]!r}: {hint}")
