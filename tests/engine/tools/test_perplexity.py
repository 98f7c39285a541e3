"""What the stock tools print is read; where they are, a whole round is made: calibrate, quantize, measure."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from atlas.engine.gguf_check import check
from atlas.engine.measure import files, measure
from atlas.engine.nano import draft_path, model_path
from atlas.engine.quantize import plan, quantize
from atlas.engine.quantize.imatrix import read_imatrix
from atlas.engine.tools.find import look
from atlas.engine.tools.imatrix import calibrate
from atlas.engine.tools.perplexity import Setting, parse, progress
from atlas.errors import UsageError

sys.path.insert(0, str(Path(__file__).parents[2] / "e2e"))

from atlas_command import Atlas

RECORDED = (Path(__file__).parent / "divergence.txt").read_text()
"""Output of llama-perplexity --kl-divergence (llama-cpp-python 0.3.36) for the shipped model in Q2_K, eight pieces."""
TEXT = "".join(f"def step_{i}(values):\n    return [v * {i} for v in values if v > {i}]\n\n\n" for i in range(60))

needs_tools = pytest.mark.skipif(
    not (look("llama-imatrix") and look("llama-perplexity")),
    reason="llama.cpp's tools are neither on PATH nor built (`atlas tools build`)",
)


def test_the_figures_are_read() -> None:
    found = parse(RECORDED)
    assert found
    assert found.perplexity[0] > found.perplexity[1] > 0
    assert 0.3 < found.divergence[0] < 0.5
    assert found.divergence[0] < found.divergence_99 < 5
    assert 0.5 < found.same_top[0] < 0.7
    assert parse(RECORDED.partition("KL divergence statistics")[0]) is None


def test_progress_is_read_while_it_is_printed() -> None:
    told: list[tuple[int, int]] = []
    heard = progress(lambda done, of: told.append((done, of)))
    for end in (RECORDED.index("\n   2  "), len(RECORDED)):
        heard(RECORDED[:end])
    heard("perplexity: calculating perplexity over 24 chunks, n_ctx=512\n[1]6.1,[2]5.9,")
    assert told == [(1, 8), (8, 8), (2, 24)]


def test_files_of_different_models_are_not_compared(tmp_path: Path) -> None:
    wide = quantize(plan(model_path(), tmp_path / "wide.gguf", "F16", allow_requantize=True), 1).path
    assert [file.path for file in files([model_path(), wide], None)] == [wide, model_path()]
    assert [file.path for file in files([wide], model_path())] == [model_path(), wide]
    from tiny_model import write_tiny_model

    with pytest.raises(UsageError, match="another vocabulary"):
        files([wide, write_tiny_model(tmp_path / "tiny.gguf")], None)
    assert check(draft_path()).path  # the shipped pair shares its tokens
    assert len(files([wide, draft_path()], None)) == 2


def test_without_the_tools_the_commands_say_how_to_get_them(tmp_path: Path) -> None:
    atlas = Atlas(tmp_path)
    for words in (("calibrate", model_path()), ("measure", model_path())):
        ended = atlas.run(*words, "--corpus", tmp_path, PATH="/nowhere")
        assert (ended.status, ended.out) == (2, "")
        assert ended.last_words.endswith("put llama.cpp's tools on PATH, or make them with `atlas tools build`.")


@needs_tools
def test_a_round_with_the_real_tools(tmp_path: Path) -> None:
    origin = quantize(plan(model_path(), tmp_path / "nano-F32.gguf", "F32", allow_requantize=True), 1).path
    matrix = calibrate(check(origin), TEXT, tmp_path / "nano.imatrix.gguf", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nano-F32.gguf", "nano.imatrix.gguf"]
    importance = read_imatrix(matrix)
    assert importance.dataset == "code.txt"
    assert importance.columns["blk.0.ffn_down.weight"].size == 512
    coarse = quantize(plan(origin, tmp_path / "nano-Q2_K.gguf", "Q2_K", importance=importance), 1).path
    told: set[tuple[str, int]] = set()
    rows = measure(
        files([coarse, origin], None), TEXT, Setting(1, context=256), lambda name, done, of: told.add((name, of))
    )
    assert rows[0].divergence is None
    assert rows[1].divergence is not None
    assert 0 < rows[1].divergence.divergence[0] < 2
    assert {name for name, _ in told} == {"nano-F32.gguf", "nano-Q2_K.gguf"}
    with pytest.raises(UsageError, match="too short"):
        calibrate(check(origin), TEXT[:500], tmp_path / "other.gguf", 1)
    with pytest.raises(UsageError, match="too short"):
        measure(files([coarse, origin], None), TEXT[:500], Setting(1))


@needs_tools
def test_the_command_with_the_real_tools(tmp_path: Path) -> None:
    atlas = Atlas(tmp_path)
    for i in range(12):
        (atlas.cwd / f"part_{i}.py").write_text(TEXT.replace("step", f"step{i}").replace("values", f"items_{i}"))
    home = str(look("llama-imatrix").path.parents[2]) if look("llama-imatrix").built else ""
    ended = atlas.run(
        "measure", model_path(), "--corpus", ".", "--characters", "6000", "--json", ATLAS_HOME=home or str(atlas.home)
    )
    assert ended.status == 0, ended
    (row,) = json.loads(ended.out)["models"]
    assert row["perplexity"] > 1
