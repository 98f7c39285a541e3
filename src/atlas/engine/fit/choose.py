"""From a wish to ranked plans: which models, quantizations, cache types and drafts, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from atlas.engine.catalogue import CatalogueModel, catalogue
from atlas.engine.fit.cards import Device
from atlas.engine.fit.memory import KV_TYPES, accepts
from atlas.engine.fit.plan import Plan, Variant, Wanted, plan
from atlas.engine.fit.weights import from_file, from_recipe
from atlas.engine.gguf_model import GGUFModel
from atlas.engine.model_cache import local_file
from atlas.errors import UsageError

DRAFT_QUANTIZATION = "Q8_0"
_GOOD_ENOUGH = 0.05
"""Divergence up to which a quantization counts as the model itself: Q4_K_S and finer."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A model with its variants, and the drafts that share its tokenizer."""

    variants: tuple[Variant, ...]
    drafts: tuple[Variant, ...] = ()


def from_catalogue(model: CatalogueModel, quantization: str | None = None) -> Choice:
    """A catalogue model in every published quantization, or in one.

    Raises:
        UsageError: it is not published in that quantization.
    """
    kinds = (quantization.upper(),) if quantization else model.quantizations
    if not set(kinds) <= set(model.quantizations):
        raise UsageError(f"{model.id} is not known as {kinds[0][:40]} (known: {', '.join(model.quantizations)}).")
    drafts = (catalogue()[name] for name in model.drafts)
    return Choice(
        tuple(_variant(model, kind) for kind in kinds), tuple(_variant(d, DRAFT_QUANTIZATION) for d in drafts)
    )


def from_gguf(model: GGUFModel) -> Choice:
    """A model file, as it is."""
    weights = from_file(model)
    return Choice((Variant(model.name, model.quantization, model.shape, weights, path=model.source),))


def plans(choice: Choice, wanted: Wanted, devices: Sequence[Device], kv_types: Iterable[str] = KV_TYPES) -> list[Plan]:
    """Every plan for one model, best first.

    Raises:
        UsageError: the context is larger than the model's.
    """
    found: list[Plan] = []
    for variant in choice.variants:
        if wanted.context > variant.shape.context:
            raise UsageError(
                f"{variant.name} was trained for {variant.shape.context} tokens of context, not {wanted.context}: "
                "give a smaller --context."
            )
        for kind in kv_types:
            if not accepts(variant.shape, kind, kind):
                continue
            found.append(plan(variant, None, kind, wanted, devices))
            found += [
                plan(variant, draft, kind, wanted, devices)
                for draft in choice.drafts
                if accepts(draft.shape, kind, kind) and wanted.context <= draft.shape.context
            ]
    return sorted(found, key=rank)


def best_of_each(
    wanted: Wanted, devices: Sequence[Device], kv_types: Sequence[str] = KV_TYPES, *, drafts: bool = True
) -> list[Plan]:
    """The best plan of every catalogue model that has one, larger models first among those that are good enough."""
    choices = [from_catalogue(model) for model in catalogue().values() if wanted.context <= model.shape.context]
    if not drafts:
        choices = [replace(choice, drafts=()) for choice in choices]
    found = [plans(choice, wanted, devices, kv_types)[0] for choice in choices]
    return sorted((p for p in found if p.fits), key=_across_models)


def rank(plan: Plan) -> tuple[object, ...]:
    """Order among one model's plans: what fits, then little loss, then a fine cache, then speed."""
    loss = plan.quality.divergence
    useless = plan.draft is not None and (plan.draft_gain is None or plan.draft_gain < 1)
    return (
        not plan.fits,
        useless,
        _poor(plan),
        _coarse_cache(plan),
        plan.experts_in_ram,
        1.0 if loss is None else loss,
        KV_TYPES.index(plan.serving.key_type),
        -(plan.speed.decode or 0.0),
        -plan.placement.free,
    )


def _across_models(plan: Plan) -> tuple[object, ...]:
    # Nothing published compares all of these models on code, so size stands in for ability; a mixture counts as
    # the geometric mean of all its weights and of those that a token uses.
    work = plan.variant.work
    total = work.dense_weights + work.expert_weights
    return _poor(plan) or _coarse_cache(plan), -((total * work.operations / 2) ** 0.5)


def _poor(plan: Plan) -> bool:
    loss = plan.quality.divergence
    return loss is not None and loss > _GOOD_ENOUGH


def _coarse_cache(plan: Plan) -> bool:
    return plan.serving.key_type == KV_TYPES[-1]


def _variant(model: CatalogueModel, quantization: str) -> Variant:
    # Only a model that is published in one coarse type was trained in it.
    native = model.quantizations == (quantization,) and quantization == "MXFP4"
    weights = from_recipe(model.shape, quantization)
    path = local_file(model.files, quantization)
    return Variant(model.id, quantization, model.shape, weights, model.files, str(path or ""), native)
