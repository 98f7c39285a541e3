"""What makers recommend to draw with: from the model file's own metadata, else from published cards (2026-11).

llama.cpp's converter writes ``general.sampling.*`` keys into newer files. The cards are those of each family's page;
a family is told by the beginning of the model's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from atlas.engine.choice import EngineChoice
from atlas.engine.gguf_reader import Malformed, read_header
from atlas.llm.types import Sampling

_KEYS = {"temperature": "temp", "top_p": "top_p", "top_k": "top_k", "min_p": "min_p"}
_FAMILIES: Mapping[str, Sampling] = {
    "qwen3coder": Sampling(0.7, 0.8, 20),
    "qwen3": Sampling(0.7, 0.8, 20),
    "qwen25": Sampling(0.7, 0.8, 20),
    "gemma3": Sampling(1.0, 0.95, 64),
    "llama3": Sampling(0.6, 0.9),
    "metallama3": Sampling(0.6, 0.9),
    "gptoss": Sampling(1.0, 1.0),
    "devstral": Sampling(0.15, 1.0),
    "mistralsmall": Sampling(0.15, 1.0),
    "deepseekr1": Sampling(0.6, 0.95),
}


def from_metadata(values: Mapping[str, object]) -> Sampling | None:
    """What a GGUF file's header recommends; None where it has no temperature."""
    found = {name: values.get(f"general.sampling.{key}") for name, key in _KEYS.items()}
    numbers = {name: value for name, value in found.items() if isinstance(value, (int, float)) and value >= 0}
    if "temperature" not in numbers:
        return None
    defaults = Sampling()
    return Sampling(
        float(numbers["temperature"]),
        float(numbers.get("top_p", defaults.top_p)),
        int(numbers.get("top_k", defaults.top_k)),
        float(numbers.get("min_p", defaults.min_p)),
    )


def from_name(name: str) -> Sampling | None:
    """What the card of the model's family recommends without thinking; None for a family that is not listed."""
    plain = re.sub(r"[^a-z0-9]", "", name.rpartition("/")[2].lower())
    fitting = [family for family in _FAMILIES if plain.startswith(family)]
    return _FAMILIES[max(fitting, key=len)] if fitting else None


def recommended(choice: EngineChoice, model: str) -> tuple[Sampling, str]:
    """What to draw with, and who says so. ``model`` is its name on the server."""
    if choice.kind == "shipped":
        return choice.sampling, "from the shipped model's evaluation"
    if choice.kind == "file" and choice.file is not None:
        try:
            with choice.file.open("rb") as file:
                found = from_metadata(read_header(file).values)
        except (OSError, Malformed):  # the engine has read it: only gone or changed since
            found = None
        if found is not None:
            return found, "from the model file"
    found = from_name(choice.file.stem if choice.file else model)
    return (choice.sampling, "a common default") if found is None else (found, "from the card of its family")
