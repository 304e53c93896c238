"""Results of a product that stay in vector registers, with the operations of the tiles in
`register_tiles`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from nodeflow.engine.devicelib.intrinsics import F32, I1, I8, I32, I64
from nodeflow.engine.devicelib.tile_heights import TALL

TOGETHER = 4
"""Number of terms in one round of a loop over terms, in tall tiles. With AVX2, a loop of single
terms has 29 instructions for 12 multiplications, which take 6 cycles. That is more than
processors with hyperthreads issue for each of two threads, and more than some issue for one.
Rounds have 22 instructions per term. On Sapphire Rapids, products take 0.95 to 0.98 of the
time, and 0.81 to 0.87 in minutes when OpenBLAS is also slow. With AVX-512, whose
multiplications wait for less, products of 100 and more terms take 0.82 to 1.0. A product has
few lower tiles. They have no rounds, because unrolled code takes time to compile. Tiles on
ARM have none, because rounds would put vectors on the stack.
"""
_LOWEST = {64: TALL, 32: TALL - 1}
"""By the bytes of a vector, the number of rows of the lowest tile whose loop over terms has
rounds.
"""


class Tile:
    """Accumulators of ``positions`` times ``vectors`` vectors of ``lanes`` floats."""

    def __init__(
        self, builder: Any, scalar: ir.Type, positions: int, vectors: int, lanes: int
    ) -> None:
        self.builder = builder
        self.scalar = scalar
        self.bytes = 4 if scalar == F32 else 8
        self.lanes = lanes
        self.vector = ir.VectorType(scalar, lanes)
        self.accumulators = [
            [cgutils.alloca_once(builder, self.vector) for _ in range(vectors)]
            for _ in range(positions)
        ]
        name = f"v{lanes}{'f32' if scalar == F32 else 'f64'}"
        self._fma = self._declare(f"llvm.fma.{name}", self.vector, [self.vector] * 3)
        mask = ir.VectorType(I1, lanes)
        pointer = self.vector.as_pointer()
        self._load = self._declare(
            f"llvm.masked.load.{name}.p0", self.vector, [pointer, I32, mask, self.vector]
        )
        self._store = self._declare(
            f"llvm.masked.store.{name}.p0", ir.VoidType(), [self.vector, pointer, I32, mask]
        )
        self.masks: list[Any] | None = None

    def _declare(self, name: str, result: ir.Type, arguments: Sequence[ir.Type]) -> Any:
        kind = ir.FunctionType(result, arguments)
        return cgutils.get_or_insert_function(self.builder.module, kind, name)

    def mask(self, width: Any) -> None:
        """Make all further loads and stores of a tile of results use a mask, which covers only the
        first ``width`` elements of each row.
        """
        places = ir.VectorType(I64, self.lanes)
        wide = splat(self.builder, width, places)
        self.masks = []
        for v in range(len(self.accumulators[0])):
            numbers = [ir.Constant(I64, v * self.lanes + i) for i in range(self.lanes)]
            inside = self.builder.icmp_signed("<", ir.Constant(places, numbers), wide)
            self.masks.append(inside)

    def clear(self) -> None:
        zero = ir.Constant(self.vector, [ir.Constant(self.scalar, 0.0)] * self.lanes)
        for row in self.accumulators:
            for place in row:
                self.builder.store(zero, place)

    def read_vector(self, address: Any, v: int) -> Any:
        """Return vector number ``v`` of a row."""
        pointer = self._vector_pointer(address, v)
        if self.masks is None:
            return self.builder.load(pointer, align=self.bytes)
        zero = ir.Constant(self.vector, [ir.Constant(self.scalar, 0.0)] * self.lanes)
        align = ir.Constant(I32, self.bytes)
        return self.builder.call(self._load, [pointer, align, self.masks[v], zero])

    def _vector_pointer(self, address: Any, v: int) -> Any:
        at = self.builder.add(address, ir.Constant(I64, v * self.lanes * self.bytes))
        return self.builder.inttoptr(at, self.vector.as_pointer())

    def add_products(
        self,
        numbers: Callable[[int], Any],
        row: Any,
        masked: bool,
        apart: bool = False,
        span: tuple[int, int] | None = None,
        folded: bool = False,
    ) -> None:
        """Add, for each position p of the tile, a number times a row of vectors.

        This computes accumulator[p][v] += number at ``numbers(p)`` * vector v, for all p, or for
        those in ``span``.

        Args:
            numbers: returns the address of the number of a position.
            row: address of the vectors.
            apart: whether each element of the row has its own number; they are contiguous.
            folded: whether, with AVX-512, the multiplications of every other position read the
                number from memory themselves, if the addresses are literals apart. (With an index
                in each instruction nothing is gained.) A term of 14 positions and two vectors then
                has 37 instructions instead of 44, for 28 multiplications that take 14 cycles.
                Processors whose cores are shared by two threads issue some 3 instructions a cycle
                for each. If all positions did so, reading would take longer than multiplying.
        """
        builder = self.builder
        masks, self.masks = self.masks, self.masks if masked else None
        vectors = [self.read_vector(row, v) for v in range(len(self.accumulators[0]))]
        self.masks = masks
        for p in range(*(span or (0, len(self.accumulators)))):
            places = self.accumulators[p]
            number = builder.inttoptr(numbers(p), self.scalar.as_pointer())
            if folded and p % 2 == 1 and self.lanes * self.bytes == 64:
                for place, vector in zip(places, vectors, strict=True):
                    self._add_from_memory(place, number, vector)
                continue
            if apart:
                wide = [self.read_vector(numbers(p), v) for v in range(len(places))]
            else:
                wide = [splat(builder, builder.load(number), self.vector)] * len(places)
            for place, x, vector in zip(places, wide, vectors, strict=True):
                self.add_product(place, x, vector)

    def add_product(self, place: Any, x: Any, y: Any) -> None:
        """Add the product of two vectors to an accumulator."""
        self.builder.store(self.builder.call(self._fma, [x, y, self.builder.load(place)]), place)

    def _add_from_memory(self, place: Any, number: Any, vector: Any) -> None:
        """Multiply and add a broadcast number to an accumulator with one AVX-512 instruction.

        The instruction reads the number from memory. LLVM chooses it only for a number that is
        needed once.
        """
        suffix = "ps" if self.bytes == 4 else "pd"
        text = f"vfmadd231{suffix} $2{{1to{self.lanes}}}, $1, $0"
        kind = ir.FunctionType(self.vector, [self.vector, number.type, self.vector])
        code = ir.InlineAsm(kind, text, "=v,v,*m,0", side_effect=False)
        made = self.builder.call(
            code, [vector, number, self.builder.load(place)], arg_attrs={1: ("elementtype",)}
        )
        self.builder.store(made, place)

    def _row(self, address: Any, step: Any, p: int, last: Any | None) -> Any:
        """Return the address of matrix row ``p``, or of row ``last`` if that is given and ``p`` is
        larger. So tiles that reach beyond the end read valid memory.
        """
        number = ir.Constant(I64, p)
        if last is not None:
            inside = self.builder.icmp_signed("<", number, last)
            number = self.builder.select(inside, number, last)
        return self.builder.add(address, self.builder.mul(step, number))

    def load_rows(self, address: Any, step: Any, last: Any | None = None) -> None:
        for p, places in enumerate(self.accumulators):
            row = self._row(address, step, p, last)
            for v, place in enumerate(places):
                self.builder.store(self.read_vector(row, v), place)

    def add_terms(
        self, a: Any, a_row: Any, a_term: Any, b: Any, b_term: Any, terms: Any, full: bool = False
    ) -> None:
        """Emit a loop over ``terms`` terms. Each term adds to result row p the product of a number
        of row p of a and a row of b.

        ``full``: whether rows of b are read whole even if results are masked.
        """
        builder = self.builder
        first = builder.inttoptr(a, I8.as_pointer())
        # The addresses are pointers, because LLVM would compute integers again for each term.
        rows = [
            builder.gep(first, [builder.mul(a_row, ir.Constant(I64, p))])
            for p in range(len(self.accumulators))
        ]

        def add(term: Any) -> None:
            along = builder.mul(term, a_term)
            self.add_products(
                lambda p: builder.ptrtoint(builder.gep(rows[p], [along]), I64),
                builder.add(b, builder.mul(term, b_term)),
                masked=not full,
            )

        in_rounds = len(rows) >= _LOWEST.get(self.lanes * self.bytes, TALL + 1)
        together = TOGETHER if in_rounds else 1
        rounds = builder.sdiv(terms, ir.Constant(I64, together))
        with cgutils.for_range(builder, rounds) as loop:
            begun = builder.mul(loop.index, ir.Constant(I64, together))
            for n in range(together):
                add(builder.add(begun, ir.Constant(I64, n)))
        if together > 1:
            done = builder.mul(rounds, ir.Constant(I64, together))
            with cgutils.for_range(builder, builder.sub(terms, done)) as loop:
                add(builder.add(done, loop.index))

    def begin(self, fresh: Any, address: Any, step: Any, last: Any | None = None) -> None:
        """Emit code that initialises the accumulators of a tile: zero if ``fresh`` is true at run
        time, else the values at ``address``.
        """
        with self.builder.if_else(fresh) as (new, old):
            with new:
                self.clear()
            with old:
                self.load_rows(address, step, last)

    def prefetch_rows(self, address: Any, step: Any) -> None:
        """Prefetch the rows of a matrix that will be added to the tile, one row per position.

        ``address``: first row. ``step``: bytes from row to row.
        """
        builder = self.builder
        line = 64 // self.bytes
        for p in range(len(self.accumulators)):
            row = builder.add(address, builder.mul(step, ir.Constant(I64, p)))
            for at in range(0, len(self.accumulators[0]) * self.lanes, line):
                self._prefetch(row, at * self.bytes, cache=1)

    def prefetch_row(self, address: Any) -> None:
        """Prefetch a row of results into the second cache."""
        self.prefetch_lines(address, -(-len(self.accumulators[0]) * self.lanes * self.bytes // 64))

    def prefetch_lines(self, address: Any, lines: int) -> None:
        """Prefetch ``lines`` cache lines into the second-level cache."""
        for line in range(lines):
            self._prefetch(address, 64 * line, cache=2)

    def _prefetch(self, address: Any, offset: int, cache: int) -> None:
        place = self.builder.add(address, ir.Constant(I64, offset))
        prefetch_line(self.builder, place, cache)

    def add_rows(
        self, address: Any | None, step: Any, each: Any | None, last: Any | None = None
    ) -> None:
        """Add rows of a matrix to the tile's results: row p of the matrix at ``address`` to result
        row p, the row at ``each`` to every result row, or both.
        """
        builder = self.builder
        for p, places in enumerate(self.accumulators):
            for v, place in enumerate(places):
                added = None if each is None else self.read_vector(each, v)
                if address is not None:
                    row = self._row(address, step, p, last)
                    own = self.read_vector(row, v)
                    added = own if added is None else builder.fadd(own, added)
                builder.store(builder.fadd(added, builder.load(place)), place)

    def store_rows(self, address: Any, step: Any, span: tuple[Any, Any] | None = None) -> None:
        """Emit code that writes the tile's results to memory: for all positions, or only for those
        in ``span``.
        """
        builder = self.builder
        for p, places in enumerate(self.accumulators):
            row = builder.add(address, builder.mul(step, ir.Constant(I64, p)))
            if span is None:
                self._store_row(row, places)
            else:
                here = ir.Constant(I64, p)
                begun = builder.icmp_signed("<=", span[0], here)
                with builder.if_then(builder.and_(begun, builder.icmp_signed("<", here, span[1]))):
                    self._store_row(row, places)

    def store_up_to(self, address: Any, step: Any, last: Any) -> None:
        """Write the results of the positions up to ``last`` to their rows in memory.

        Positions after ``last`` write to the row of ``last`` first, and are then overwritten. So no
        branch is needed for each position.
        """
        for p in reversed(range(len(self.accumulators))):
            self._store_row(self._row(address, step, p, last), self.accumulators[p])

    def _store_row(self, row: Any, places: Sequence[Any]) -> None:
        builder = self.builder
        for v, place in enumerate(places):
            pointer, value = self._vector_pointer(row, v), builder.load(place)
            if self.masks is None:
                builder.store(value, pointer, align=self.bytes)
            else:
                align = ir.Constant(I32, self.bytes)
                builder.call(self._store, [value, pointer, align, self.masks[v]])


def prefetch_line(builder: Any, address: Any, cache: int) -> None:
    """Prefetch a cache line into level ``cache`` of the cache, and into the levels beyond it."""
    kind = ir.FunctionType(ir.VoidType(), [I8.as_pointer(), I32, I32, I32])
    fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    place = builder.inttoptr(address, I8.as_pointer())
    builder.call(fetch, [place, *(ir.Constant(I32, n) for n in (0, 4 - cache, 1))])


def splat(builder: Any, value: Any, vector: ir.VectorType) -> Any:
    """Return a vector with a scalar in all lanes."""
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(I32, 0))
    zeros = ir.Constant(ir.VectorType(I32, vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, undefined, zeros)
