"""The graph that llama.cpp computes for one batch, as far as its memory goes (``src/llama-graph.cpp``, ``src/models``).

Sizes are bytes. Activations are f32, the mask is f16. Flash attention is on, as it is by default wherever it can be.
Where the order of two operations decides which places are free, it is the order in which llama.cpp lists them.
"""

from __future__ import annotations

from dataclasses import dataclass

from atlas.engine.fit.arena import Graph, Node
from atlas.engine.shape import Shape
from atlas.engine.tensors import POST_NORMS, QK_NORMS, QKV_BIASES, head_sizes

_F32, _F16, _I32, _I64 = 4, 2, 4, 8
_ROTATION = 64
"""Side of the smallest rotation matrix."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The largest batch: ``tokens`` over ``cells`` of cache a sequence, with logits for ``outputs`` of them."""

    tokens: int
    outputs: int
    cells: int
    window_cells: int
    rotates_keys: bool = False
    """Whether they are rotated before they are quantized, which takes a copy (llama.cpp pull request 21038)."""
    rotates_values: bool = False


@dataclass(frozen=True, slots=True)
class _Cache:
    """What tells the layers of one kind of cache where to write and what to see."""

    mask: Node
    keys: Node
    values: Node
    rotation: Node | None
    value_rotation: Node | None


def build(shape: Shape, batch: Batch) -> Graph:
    """The whole graph of one batch."""
    return _Model(shape, batch).build()


class _Model:
    def __init__(self, shape: Shape, batch: Batch) -> None:
        self._graph = Graph()
        self._shape = shape
        self._batch = batch
        self._rows = batch.tokens

    def build(self) -> Graph:
        shape, graph = self._shape, self._graph
        stream = self._embedding()
        positions = graph.input(self._batch.tokens * _I32)
        seeing = {shape.sees_window(layer) for layer in range(shape.layers)}
        caches = {
            windowed: self._cache(self._batch.window_cells if windowed else self._batch.cells)
            for windowed in sorted(seeing)
        }
        chosen = graph.input(self._batch.outputs * _I32)
        for layer in range(shape.layers):
            cache = caches[shape.sees_window(layer)]
            last = layer == shape.layers - 1
            # gpt-oss chooses the rows that get logits behind its last layer, everything else within it.
            stream = self._layer(layer, stream, positions, cache, chosen if last and not self._late else None)
        if self._late:
            stream = self._choose(stream, chosen)
        stream = self._norm(stream)
        graph.op(self._batch.outputs * shape.vocabulary * _F32, stream)
        return graph

    @property
    def _late(self) -> bool:
        return self._shape.architecture == "gpt-oss"

    def _wide(self, elements: int) -> int:
        """Bytes of so many elements a row."""
        return self._rows * elements * _F32

    def _embedding(self) -> Node:
        """Tokens looked up, and room for batches of ready-made embeddings and of both."""
        graph, size = self._graph, self._wide(self._shape.width)
        tokens = graph.input(self._rows * _I32)
        graph.input(size)
        mixed_tokens, mixed, slots = graph.input(self._rows * _I32), graph.input(size), graph.input(self._rows * _I64)
        stream = graph.op(size, tokens)
        looked_up = graph.op(size, mixed_tokens)
        copied = graph.op(size, mixed)
        graph.view(copied, looked_up, slots)
        return graph.op(size, stream, in_place=True) if self._shape.architecture in POST_NORMS else stream

    def _cache(self, cells: int) -> _Cache:
        graph, tokens = self._graph, self._batch.tokens
        side = _ROTATION
        while self._shape.key_size % (2 * side) == 0:
            side *= 2
        keys, values = graph.input(tokens * _I64), graph.input(tokens * _I64)
        mask = graph.input(cells * tokens * _F16)
        rotation = graph.input(side * side * _F32) if self._batch.rotates_keys else None
        value_rotation = graph.input(_ROTATION * _ROTATION * _F32) if self._batch.rotates_values else None
        return _Cache(mask, keys, values, rotation, value_rotation)

    def _layer(self, layer: int, stream: Node, positions: Node, cache: _Cache, chosen: Node | None) -> Node:
        shape, graph = self._shape, self._graph
        attended = self._attention(layer, self._norm(stream), positions, cache)
        if chosen is not None:
            attended, stream = self._choose(attended, chosen), self._choose(stream, chosen)
        if shape.architecture in POST_NORMS:
            attended = self._norm(attended)
        stream = graph.op(self._wide(shape.width), attended, stream, in_place=True)
        normed = self._norm(stream)
        fed = self._mixture(normed) if shape.mixture(layer) else self._feed(normed, shape.feed)
        if shape.architecture in POST_NORMS:
            fed = self._norm(fed)
        return graph.op(self._wide(shape.width), fed, stream, in_place=True)

    def _choose(self, node: Node, chosen: Node) -> Node:
        self._rows = self._batch.outputs
        return self._graph.op(self._wide(self._shape.width), node, chosen)

    def _norm(self, node: Node) -> Node:
        normed = self._graph.op(node.size, node, in_place=True)
        return self._graph.op(node.size, normed, in_place=True)

    def _attention(self, layer: int, normed: Node, positions: Node, cache: _Cache) -> Node:
        shape, graph = self._shape, self._graph
        if shape.kv_rank:
            return self._latent(normed, positions, cache)
        query = self._head(normed, shape.heads * shape.key_size, positions)
        if shape.architecture in POST_NORMS:
            query = graph.op(query.size, query, in_place=True)
        query = self._rotated(query, cache.rotation)
        value = self._projected(normed, shape.kv_heads[layer] * shape.value_size)
        value = self._rotated(value, cache.value_rotation)
        key = self._rotated(self._head(normed, shape.kv_heads[layer] * shape.key_size, positions), cache.rotation)
        self._store(key, cache.keys)
        self._store(value, cache.values)
        seen = self._attend(query, cache, shape.heads * shape.value_size)
        out = graph.op(self._wide(shape.width), self._rotated(seen, cache.value_rotation))
        return graph.op(out.size, out, in_place=True) if self._late else out

    def _projected(self, normed: Node, elements: int) -> Node:
        node = self._graph.op(self._wide(elements), normed)
        if self._shape.architecture in QKV_BIASES:
            node = self._graph.op(node.size, node, in_place=True)
        return self._graph.view(node)

    def _head(self, normed: Node, elements: int, positions: Node) -> Node:
        """Queries or keys with their positions."""
        node = self._projected(normed, elements)
        if self._shape.architecture in QK_NORMS:
            node = self._norm(node)
        return self._graph.op(node.size, node, positions, in_place=True)

    def _rotated(self, node: Node, rotation: Node | None) -> Node:
        if rotation is None:
            return node
        return self._graph.view(self._graph.op(node.size, rotation, self._graph.view(node)))

    def _store(self, node: Node, places: Node) -> None:
        """Written into the cache, which is no part of this buffer."""
        self._graph.op(0, self._graph.view(node), places)

    def _attend(self, query: Node, cache: _Cache, elements: int) -> Node:
        view = self._graph.view(self._graph.view(query))
        return self._graph.view(self._graph.op(self._wide(elements), view, cache.mask))

    def _latent(self, normed: Node, positions: Node, cache: _Cache) -> Node:
        """Multi-head latent attention without a compressed query."""
        shape, graph = self._shape, self._graph
        key_size, value_size = head_sizes(shape)
        query = graph.view(graph.op(self._wide(shape.heads * key_size), normed))
        if shape.latent_cache:
            # keys and queries are compared in the compressed space
            plain = graph.op(self._wide(shape.heads * shape.kv_rank), graph.view(query, strided=True))
            placed = graph.op(self._wide(shape.heads * shape.rope_size), graph.view(query, strided=True), positions)
            query = graph.op(self._wide(shape.heads * shape.key_size), graph.view(plain, strided=True), placed)
        else:
            placed = graph.op(self._wide(shape.heads * shape.rope_size), graph.view(query, strided=True), positions)
            query = graph.op(query.size, graph.view(query, strided=True), placed)
        query = self._rotated(query, cache.rotation)
        pair = graph.op(self._wide(shape.kv_rank + shape.rope_size), normed)
        compressed = graph.op(self._wide(shape.kv_rank), graph.view(pair, strided=True))
        compressed = graph.op(compressed.size, compressed, in_place=True)
        if shape.latent_cache:
            place = graph.op(self._wide(shape.rope_size), graph.view(pair, strided=True), positions)
            key = graph.op(self._wide(shape.key_size), graph.view(compressed), place)
            self._store(self._rotated(key, cache.rotation), cache.keys)
            seen = self._attend(query, cache, shape.heads * shape.kv_rank)
            seen = graph.op(self._wide(shape.heads * value_size), graph.view(seen, strided=True))
            seen = graph.op(seen.size, graph.view(seen, strided=True))
            return graph.op(self._wide(shape.width), graph.view(seen))
        both = graph.op(self._wide(shape.heads * (key_size - shape.rope_size + value_size)), compressed)
        value = graph.op(self._wide(shape.heads * value_size), graph.view(both, strided=True))
        place = graph.op(self._wide(shape.rope_size), graph.view(pair, strided=True), positions)
        place = graph.op(self._wide(shape.heads * shape.rope_size), place)
        key = graph.op(self._wide(shape.heads * key_size), graph.view(both, strided=True), place)
        self._store(self._rotated(key, cache.rotation), cache.keys)
        self._store(self._rotated(value, cache.value_rotation), cache.values)
        seen = self._attend(query, cache, shape.heads * value_size)
        return graph.op(self._wide(shape.width), self._rotated(seen, cache.value_rotation))

    def _feed(self, normed: Node, elements: int) -> Node:
        """A gated feed-forward block; the gate's product takes a place of its own."""
        graph, size = self._graph, self._wide(elements)
        gate, up = graph.op(size, normed), graph.op(size, normed)
        return graph.op(self._wide(self._shape.width), graph.op(size, gate, up))

    def _mixture(self, normed: Node) -> Node:
        shape, graph = self._shape, self._graph
        biased = shape.architecture == "gpt-oss"
        chosen, weights = self._router(normed)
        parts = graph.view(normed)

        def experts(source: Node, elements: int) -> Node:
            node = graph.op(self._wide(shape.experts_used * elements), source, chosen)
            return graph.op(node.size, node, chosen, in_place=True) if biased else node

        gate, up = experts(parts, shape.expert_feed), experts(parts, shape.expert_feed)
        out = experts(graph.op(gate.size, gate, up), shape.width)
        out = graph.op(out.size, out, weights, in_place=True)
        first, *others = [graph.view(out, strided=True) for _ in range(shape.experts_used)]
        total = first
        for other in others:
            total = graph.op(self._wide(shape.width), total, other, in_place=True)
        if not others:
            total = graph.op(self._wide(shape.width), first)
        if not shape.shared_feed:
            return total
        return graph.op(total.size, total, self._feed(normed, shape.shared_feed), in_place=True)

    def _router(self, normed: Node) -> tuple[Node, Node]:
        """Which experts are chosen, and their weights."""
        shape, graph = self._shape, self._graph
        late = shape.architecture == "gpt-oss"  # the weights are normalised behind the choice
        logits = graph.op(self._wide(shape.experts), normed)
        scores = graph.op(logits.size, logits, in_place=True)
        seen = None if late else graph.view(scores)
        chosen = graph.view(graph.op(self._wide(shape.experts), scores), strided=True)
        seen = seen or graph.view(scores)
        weights = graph.view(graph.op(self._wide(shape.experts_used), seen, chosen))
        if late:
            weights = graph.view(graph.op(weights.size, weights, in_place=True))
        elif shape.architecture == "qwen3moe":
            total = graph.op(self._wide(1), weights)
            total = graph.op(total.size, total, in_place=True)
            weights = graph.view(graph.op(weights.size, weights, total, in_place=True))
        return chosen, weights
