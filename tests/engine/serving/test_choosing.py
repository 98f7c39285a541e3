"""Which files, cache and draft are served, by what is on the disk and what fits; what was measured is remembered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from atlas.engine import llama_server
from atlas.engine.fit.cards import Device
from atlas.engine.llama_server import LlamaServer
from atlas.engine.model_cache import root
from atlas.engine.serving import choosing
from atlas.engine.serving.choosing import Asked, Chosen, choose
from atlas.engine.serving.drafting import Case, Comparison, coding_requests, remember, remembered
from atlas.engine.serving.telling import LoadLog, refuses_cache
from atlas.engine.serving.up import _placement  # pyright: ignore[reportPrivateUsage]
from atlas.errors import UsageError

GIB = 1 << 30


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLAS_HOME", str(tmp_path))
    monkeypatch.delenv("ATLAS_LLAMA_SERVER", raising=False)
    cpu = Device("this CPU", 64 * GIB, 40e9, 200e9, is_cpu=True)
    monkeypatch.setattr(choosing, "this_cpu", lambda: cpu)


def have(repository: str, *names: str) -> None:
    for name in names:
        path = root() / repository / f"{name}.gguf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def served(chosen: Chosen) -> str:
    return chosen.plain.variant.quantization


def test_the_finest_that_is_here_and_what_would_be_better() -> None:
    have("Qwen/Qwen3-4B-GGUF", "Qwen3-4B-Q4_K_M", "Qwen3-4B-Q5_K_M")
    chosen = choose(Asked("qwen3-4b", 1, context=4096))
    assert (chosen.name, served(chosen), chosen.guessing) == ("qwen3-4b", "Q5_K_M", None)
    assert chosen.plain.serving.context == 4096
    better, drafted = chosen.hints
    assert better == "qwen3-4b Q8_0 would fit, too: `atlas pull qwen3-4b:Q8_0`."
    assert drafted.endswith("times as fast: `atlas pull qwen3-0.6b:Q8_0`.")
    have("Qwen/Qwen3-4B-GGUF", "Qwen3-4B-Q8_0")
    assert served(choose(Asked("qwen3-4b", 1))) == "Q8_0"
    assert served(choose(Asked("qwen3-4b:q4_k_m", 1))) == "Q4_K_M"


def test_a_draft_that_is_here_is_tried() -> None:
    have("Qwen/Qwen3-4B-GGUF", "Qwen3-4B-Q8_0")
    have("Qwen/Qwen3-0.6B-GGUF", "Qwen3-0.6B-Q8_0")
    chosen = choose(Asked("qwen3-4b", 1))
    assert chosen.guessing is not None
    assert chosen.guessing.draft is not None
    assert chosen.guessing.draft.name == "qwen3-0.6b"
    assert chosen.guessing.variant == chosen.plain.variant
    assert chosen.plain.draft is None
    assert chosen.hints == ()
    assert choose(Asked("qwen3-4b", 1, draft="none")).guessing is None


def test_caches_in_the_order_in_which_they_are_tried() -> None:
    have("Qwen/Qwen3-4B-GGUF", "Qwen3-4B-Q8_0")
    assert choose(Asked("qwen3-4b", 1)).caches == ("f16",)
    assert choose(Asked("qwen3-4b", 1, cache="q4_0")).caches == ("q4_0", "q8_0", "f16")


def test_a_coarser_cache_where_the_finer_one_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    have("Qwen/Qwen3-4B-GGUF", "Qwen3-4B-Q4_K_M")
    small = Device("this CPU", 9 * GIB, 40e9, 200e9, is_cpu=True)
    monkeypatch.setattr(choosing, "this_cpu", lambda: small)
    chosen = choose(Asked("qwen3-4b", 1, context=40_960))
    assert chosen.caches == ("q8_0",)  # f16 would not fit: there is nothing to fall back on
    with pytest.raises(UsageError, match=r"does not fit: .* 9\.0 GiB are here"):
        choose(Asked("qwen3-4b", 8, context=40_960))


def test_cards_of_llama_server(monkeypatch: pytest.MonkeyPatch) -> None:
    have("Qwen/Qwen3-32B-GGUF", "Qwen3-32B-Q4_K_M")
    found = LlamaServer("/usr/bin/llama-server", "llama-server 1", ("CUDA0", "CUDA1"))
    monkeypatch.setattr(llama_server, "chosen", lambda server, gpu: found)
    chosen = choose(Asked("qwen3-32b", 1, memory=(16 * GIB, 16 * GIB)))
    words = _placement(chosen, chosen.plain)
    assert words[:4] == ("--n-gpu-layers", "all", "--fit", "off")
    assert "--tensor-split" in words
    assert _placement(replace(chosen, server=None), chosen.plain) == ()


def test_the_share_of_right_guesses_as_a_chance() -> None:
    comparison = Comparison((100.0, 90.0, 110.0), (120.0, 135.0, 110.0), (), (), 200, 75, same=3, replies=4)
    assert comparison.share == 0.375  # the mean of 1/2 and 1/4
    assert comparison.acceptance(2) == pytest.approx(0.5)
    assert comparison.acceptance(1) == pytest.approx(0.375)
    assert comparison.ratio == pytest.approx(1.2)
    by_cost = replace(comparison, plain_cost=(1.0, 1.0, 1.0), drafted_cost=(2.0, 1.0, 4.0))
    assert by_cost.ratio == 0.5
    assert comparison.speeds == (100.0, 120.0)


def test_requests_keep_all_slots_busy_and_differ() -> None:
    for slots in (1, 3, 16):
        requests = coding_requests(slots)
        assert len(requests) >= 2 * slots
        assert len({request.messages for request in requests}) == len(requests)


def test_a_measurement_is_remembered_for_its_case_alone(tmp_path: Path) -> None:
    model, draft = tmp_path / "m.gguf", tmp_path / "d.gguf"
    model.write_bytes(b"m" * 100)
    draft.write_bytes(b"d" * 100)
    case = Case(model, draft, 2, 4, "f16", "engine 1")
    measured = Comparison((100.0,), (90.0,), (0.1,), (0.2,), 10, 5, 4, 4)
    (tmp_path / "drafts.json").write_text("no JSON")
    assert remembered(case) is None
    remember(case, measured)
    assert remembered(case) == measured
    for other in (replace(case, slots=1), replace(case, cache="q8_0"), replace(case, engine="engine 2")):
        assert remembered(other) is None
    moved = tmp_path / "moved.gguf"
    moved.write_bytes(model.read_bytes())
    assert remembered(replace(case, model=moved)) == measured
    model.write_bytes(b"m" * 99 + b"n")
    assert remembered(case) is None


def test_what_the_log_says_of_cache_and_flash_attention() -> None:
    log = LoadLog()
    for line in (
        "0.00.205 I llama_context: flash_attn            = auto",
        "0.00.163 I llama_kv_cache: size =   12.75 MiB (  1024 cells,   8 layers,  4/4 seqs), K (q8_0):    6.38 MiB, "
        "V (q4_0):    6.38 MiB",
        "0.00.225 I resolve_fused_ops: Flash Attention was auto, set to disabled",
        "0.00.300 I llama_context: flash_attn            = enabled",  # the draft's
    ):
        log.read(line)
    assert (log.cache, log.flash) == ("q8_0/q4_0", "disabled")


@pytest.mark.parametrize(
    ("reason", "refused"),
    [
        ("llama_init_from_model: quantized V cache requires flash_attn to be enabled", True),
        ("K cache type q8_0 with block size 32 does not divide n_embd_head_k=16", True),
        ("unknown model architecture: 'llamz'", False),
        ("couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 8080", False),
    ],
)
def test_which_failures_are_the_caches(reason: str, refused: bool) -> None:
    assert refuses_cache(reason) == refused
