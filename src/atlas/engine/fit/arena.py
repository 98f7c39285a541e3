"""How large a buffer llama.cpp reserves for the tensors that live between two layers' weights.

It lays a computation graph out once, for the largest batch, and gives each tensor a place that is free from its
making to its last use (ggml, ``src/ggml-alloc.c``): best fit, blocks merged when freed, and a result written over
an operand that nobody else needs. The size that comes out depends on the order of all of it, holes included, so
it is found here in the same way: by laying the graph out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_ENDLESS = 1 << 62


class Arena:
    """Places of a buffer that grows as needed; ``size`` is the highest byte ever used."""

    def __init__(self, alignment: int) -> None:
        self._alignment = alignment
        self._free: list[list[int]] = [[0, _ENDLESS]]  # [offset, bytes], by offset; the last has no end
        self.size = 0

    def take(self, size: int) -> int:
        """Offset of a place for ``size`` bytes."""
        size = self._aligned(size)
        fits = [block for block in self._free[:-1] if block[1] >= size]
        # Of several blocks that fit equally well the last is taken.
        block = min(reversed(fits), key=lambda b: b[1]) if fits else self._free[-1]
        offset = block[0]
        block[0] += size
        block[1] -= size
        if not block[1]:
            self._free.remove(block)
        self.size = max(self.size, offset + size)
        return offset

    def give(self, offset: int, size: int) -> None:
        """Free the place at ``offset``."""
        size = self._aligned(size)
        at = next(i for i, block in enumerate(self._free) if block[0] > offset)
        self._free.insert(at, [offset, size])
        for i in (at, at - 1):  # merge with the next, then with the one before
            if i >= 0 and self._free[i][0] + self._free[i][1] == self._free[i + 1][0]:
                self._free[i][1] += self._free.pop(i + 1)[1]

    def _aligned(self, size: int) -> int:
        return -(-size // self._alignment) * self._alignment


@dataclass(eq=False, slots=True)
class Node:
    """One tensor of a graph: ``size`` bytes, made from ``sources``."""

    size: int
    sources: tuple[Node, ...] = ()
    in_place: bool = False
    """Whether its operation can write its result over an operand."""
    root: Node | None = None
    """The tensor that it is a view of."""
    strided: bool = False
    """A view whose elements do not lie side by side: nothing is written over it."""
    kept: bool = False
    """Whether it is needed to the end."""
    children: int = 0
    views: int = 0
    offset: int = -1


@dataclass(slots=True)
class Graph:
    """A computation: inputs, which must lie still from the start, and operations in order."""

    inputs: list[Node] = field(default_factory=list[Node])
    nodes: list[Node] = field(default_factory=list[Node])

    def input(self, size: int) -> Node:
        """An input of ``size`` bytes."""
        self.inputs.append(Node(size))
        return self.inputs[-1]

    def op(self, size: int, *sources: Node, in_place: bool = False) -> Node:
        """A new tensor of ``size`` bytes."""
        self.nodes.append(Node(size, sources, in_place))
        return self.nodes[-1]

    def view(self, source: Node, *others: Node, strided: bool = False) -> Node:
        """The same bytes seen otherwise."""
        self.nodes.append(Node(source.size, (source, *others), root=source.root or source, strided=strided))
        return self.nodes[-1]


def reserved(graph: Graph, alignment: int) -> int:
    """Bytes that the graph's tensors need."""
    arena = Arena(alignment)
    for node in graph.nodes:
        if node.root:
            node.root.views += 1
        for source in node.sources:
            source.children += 1
    for node in graph.inputs:
        node.offset = arena.take(node.size)
    for node in graph.nodes:
        if node.root is None:
            node.offset = _over_operand(node, arena)
            if node.offset < 0:
                node.offset = arena.take(node.size)
        for source in node.sources:
            source.children -= 1
            if source.children or source.views:
                continue
            if source.root is None:
                _release(source, arena)
                continue
            source.root.views -= 1
            if not source.root.views and not source.root.children:
                _release(source.root, arena)
    return arena.size


def _over_operand(node: Node, arena: Arena) -> int:
    """Place of an operand that ``node`` can be written over, or -1."""
    if not node.in_place:
        return -1
    for source in node.sources:
        owner = source.root or source
        sole = source.children == 1 and not source.views
        if source.root is not None:
            sole = sole and owner.views == 1 and not owner.children and not source.strided
        if sole and owner.offset >= 0 and not owner.kept and source.size == node.size:
            offset, owner.offset = owner.offset, -1
            return offset
    return -1


def _release(node: Node, arena: Arena) -> None:
    if node.offset >= 0 and not node.kept:
        arena.give(node.offset, node.size)
        node.offset = -1
