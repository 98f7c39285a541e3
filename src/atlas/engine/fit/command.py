"""The command that starts a plan: ``llama-server`` with the names that its flags have now.

Several were renamed: ``--draft-max`` is ``--spec-draft-n-max``, and a draft needs ``--spec-type``. ``--parallel``
divides ``--ctx-size`` over the slots. The port is always given, as its default is not stable.
"""

from __future__ import annotations

from atlas.engine.fit.plan import Plan, Variant

PORT = 8080


def command(plan: Plan) -> list[str]:
    """Words of the command line."""
    serving = plan.serving
    words = ["llama-server", *_model(plan.variant, "--model", "--hf-repo")]
    words += ["--ctx-size", str(serving.cells * serving.slots), "--parallel", str(serving.slots)]
    words += [*placement(plan), "--flash-attn", "on"]
    if serving.key_type != "f16":
        words += ["--cache-type-k", serving.key_type, "--cache-type-v", serving.value_type]
    if plan.draft is not None:
        words += _draft(plan, plan.draft)
    return [*words, "--host", "127.0.0.1", "--port", str(PORT)]


def placement(plan: Plan) -> list[str]:
    """The words that say what lies on which device."""
    words = ["--device", "none"] if plan.devices[0].is_cpu else ["--n-gpu-layers", "all"]
    # The plan has counted everything: llama-server need not shrink what does not fit with its own larger margin.
    words += ["--fit", "off"]
    if len(plan.placement.shares) > 1:
        words += ["--split-mode", "layer", "--tensor-split", _split(plan)]
    if plan.experts_in_ram:
        words += ["--n-cpu-moe", str(plan.experts_in_ram)]
    if plan.draft is None:
        return words
    if plan.devices[0].is_cpu:
        return [*words, "--spec-draft-device", "none"]
    words += ["--spec-draft-ngl", "all"]
    holder = next(i for i, share in enumerate(plan.placement.shares) if share.draft)
    # Named by the CUDA build; `llama-server --list-devices` shows other builds' names.
    return words + (["--spec-draft-device", f"CUDA{holder}"] if len(plan.placement.shares) > 1 else [])


def _draft(plan: Plan, draft: Variant) -> list[str]:
    words = [*_model(draft, "--spec-draft-model", "--spec-draft-hf"), "--spec-type", "draft-simple"]
    words += ["--spec-draft-n-max", str(plan.serving.drafted)]
    if plan.serving.key_type != "f16":
        kind = plan.serving.key_type
        words += ["--spec-draft-type-k", kind, "--spec-draft-type-v", kind]
    return words


def _split(plan: Plan) -> str:
    """Layers a card; what is behind the last layer counts as one more and lies on the last card."""
    counts = [share.layers for share in plan.placement.shares]
    counts[-1] += 1
    return ",".join(map(str, counts))


def _model(variant: Variant, by_path: str, by_repository: str) -> list[str]:
    if variant.path.startswith(("http://", "https://")):
        return ["--model-url", variant.path]
    if variant.path:
        return [by_path, variant.path]
    return [by_repository, f"{variant.repository}:{variant.quantization}"]
