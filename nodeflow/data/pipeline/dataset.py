"""`nf.data.Dataset`: what users compose, with TensorFlow 1's names, arguments and defaults."""

from __future__ import annotations

import os
from collections import abc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nodeflow.data.pipeline.cache_file import CacheFile
from nodeflow.data.pipeline.elements import DATASET, FLATTEN, Elements, Iteration
from nodeflow.data.pipeline.functions import Filter, FlatMap, Map, PythonMap
from nodeflow.data.pipeline.iterators import Iterator, bind
from nodeflow.data.pipeline.sources import Generated, Lines, Numbers, Single, Slices, SourceRows
from nodeflow.data.pipeline.structure import flatten, pack
from nodeflow.data.pipeline.transforms import (
    Batch,
    Cache,
    Concatenate,
    Enumerate,
    PaddedBatch,
    Part,
    Prefetch,
    Repeat,
    Shuffle,
    Unbatch,
    Zip,
    as_numpy,
)
from nodeflow.data.pipeline.windows import Window
from nodeflow.errors import DataError, NotInitialized
from nodeflow.graph.graph import Graph, Tensor

DEFAULT_SEED = 1
"""As of a training, so that the same rows come in the same order."""


class Dataset:
    """A stream of elements; each is an array, or a tuple or dict of arrays, nested.

    A data set does not change: every method gives a new one. ``for batch in dataset`` iterates in
    Python; `make_one_shot_iterator` gives tensors that hold the next element in each run; and
    `nf.train.train` takes one as its data.
    """

    def __init__(self, stage: Elements) -> None:
        if not isinstance(stage, Elements):
            raise DataError(
                "a Dataset is made by its methods", hint="Try nf.data.Dataset.from_tensor_slices."
            )
        self.stage = stage
        self._iteration = Iteration()

    # ---- where elements come from -------------------------------------------------------------

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """The rows of arrays: element ``i`` holds row ``i`` of each.

        Args:
            tensors: an array, or a tuple or dict of arrays, nested, with equally many rows. Tensors
                of a graph may stand for arrays: placeholders are fed where the iterator starts.

        Raises:
            DataError: a number without rows, or arrays of different length.
        """
        return Dataset(Slices(tensors))

    @staticmethod
    def from_tensors(tensors: Any) -> Dataset:
        """One element: the arrays as they are."""
        return Dataset(Single(tensors))

    @staticmethod
    def from_generator(
        generator: Callable[..., Any],
        output_types: Any,
        output_shapes: Any = None,
        args: Sequence[Any] | None = None,
    ) -> Dataset:
        """What a Python generator yields.

        Args:
            generator: a function without arguments (or with ``args``) that gives an iterable;
                each pass calls it.
            output_types: dtype of each component, in the structure of the elements; ``str`` for
                strings.
            output_shapes: shape of each, in the same structure; None is unknown.

        Raises (while iterating):
            DataError: an element has another structure, dtype or shape.
        """
        return Dataset(Generated(generator, output_types, output_shapes, args or ()))

    @staticmethod
    def range(*args: int) -> Dataset:
        """int64 numbers: ``range(stop)``, ``range(start, stop)``, ``range(start, stop, step)``."""
        return Dataset(Numbers(*args))

    @staticmethod
    def zip(datasets: Any) -> Dataset:
        """Elements of several data sets side by side, in the structure of ``datasets``; it ends
        with the shortest.

        Args:
            datasets: a tuple or dict of data sets, nested.
        """
        parts = flatten(datasets)
        if isinstance(datasets, list) or not all(isinstance(part, Dataset) for part in parts):
            raise DataError(
                f"zip takes a tuple or dict of data sets, not {type(datasets).__name__}",
                hint="Write Dataset.zip((first, second)).",
            )
        template = pack(datasets, [part.stage.template for part in parts])
        return Dataset(Zip(template, [part.stage for part in parts]))

    @staticmethod
    def from_source(
        source: str,
        split: str = "train",
        columns: Sequence[str] | None = None,
        *,
        data_dir: Any = None,
        options: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Dataset:
        """The rows of a data source, as dicts of its columns: what a dataset node reads.

        Args:
            source: ``mnist``, ``csv:PATH``, ``npz:PATH``, ...: see the page of data sources.
            split: ``train``, ``validation`` or ``test``.
            columns: which columns; None is all.
            options, more: of the source, such as ``scale`` or ``labels``.

        Raises:
            DataError: the source, split, column or an option does not exist.
        """
        return Dataset(SourceRows(source, split, data_dir, {**(options or {}), **more}, columns))

    # ---- transformations ----------------------------------------------------------------------

    def shuffle(
        self,
        buffer_size: int,
        seed: int | None = None,
        reshuffle_each_iteration: bool | None = None,
    ) -> Dataset:
        """Elements in random order, drawn from a buffer of the next ones.

        Args:
            buffer_size: one that holds all elements shuffles them all, in the order in which a
                training with this seed does.
            seed: None is 1; the same seed gives the same order everywhere.
            reshuffle_each_iteration: another order in each pass; None is true.
        """
        reshuffles = True if reshuffle_each_iteration is None else bool(reshuffle_each_iteration)
        size = _count("buffer_size", buffer_size, 1)
        given = DEFAULT_SEED if seed is None else _count("seed", seed, None)
        return Dataset(Shuffle(self.stage, size, given, reshuffles))

    def batch(self, batch_size: int, drop_remainder: bool = False) -> Dataset:
        """Groups of elements, stacked along a new first axis; the last one may be smaller."""
        return Dataset(Batch(self.stage, _count("batch_size", batch_size, 1), drop_remainder))

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
    ) -> Dataset:
        """As `batch`, with elements of different shapes filled up.

        Args:
            padded_shapes: the shape of each component, in the structure of the elements; a size
                that is None follows from the largest of its batch. None fills up all.
            padding_values: what to fill up with, in the same structure; None is zero.
        """
        size = _count("batch_size", batch_size, 1)
        stage = PaddedBatch(self.stage, size, padded_shapes, padding_values, drop_remainder)
        return Dataset(stage)

    def unbatch(self) -> Dataset:
        """The rows of each element, one by one."""
        return Dataset(Unbatch(self.stage))

    def repeat(self, count: int | None = None) -> Dataset:
        """The elements ``count`` times; without end if it is None or -1."""
        number = None if count is None or count == -1 else _count("count", count, 0)
        return Dataset(Repeat(self.stage, number))

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        *,
        python: bool = False,
        output_types: Any = None,
        output_shapes: Any = None,
    ) -> Dataset:
        """The elements that a function gives for these.

        Args:
            map_func: a function of tensors, made of ops. It is traced into a graph once, and the
                engine runs that; the parts of a tuple are its arguments.
            num_parallel_calls: accepted for TensorFlow's sake; `prefetch` works ahead.
            python: ``map_func`` is a Python function of numpy arrays instead.
            output_types, output_shapes: of what a Python function gives; by default as of the
                first element.

        Raises:
            DataError: the function cannot be traced.
        """
        if not callable(map_func):
            raise DataError(f"map takes a function, not {type(map_func).__name__}")
        if python:
            return Dataset(PythonMap(self.stage, map_func, output_types, output_shapes))
        return Dataset(Map(self.stage, map_func))

    def filter(self, predicate: Callable[..., Any], *, python: bool = False) -> Dataset:
        """The elements for which a function of ops (or of numpy arrays) gives true."""
        return Dataset(Filter(self.stage, predicate, python))

    def flat_map(self, map_func: Callable[..., Dataset]) -> Dataset:
        """The elements of the data sets that a Python function of arrays gives for these."""
        return Dataset(FlatMap(self.stage, map_func))

    def interleave(
        self,
        map_func: Callable[..., Dataset],
        cycle_length: int,
        block_length: int = 1,
        num_parallel_calls: int | None = None,
    ) -> Dataset:
        """As `flat_map`, taking ``block_length`` elements of ``cycle_length`` data sets in turn."""
        cycle = _count("cycle_length", cycle_length, 1)
        block = _count("block_length", block_length, 1)
        return Dataset(FlatMap(self.stage, map_func, cycle, block))

    def take(self, count: int) -> Dataset:
        """The first ``count`` elements; -1 is all."""
        stop = None if count == -1 else _count("count", count, 0)
        return Dataset(Part(self.stage, 0, stop))

    def skip(self, count: int) -> Dataset:
        """All but the first ``count`` elements; -1 is none."""
        if count == -1:
            return self.take(0)
        return Dataset(Part(self.stage, _count("count", count, 0), None))

    def shard(self, num_shards: int, index: int) -> Dataset:
        """Every ``num_shards``-th element, beginning with number ``index``."""
        shards = _count("num_shards", num_shards, 1)
        if not 0 <= _count("index", index, 0) < shards:
            raise DataError(f"index is below the {shards} shards, not {index}")
        return Dataset(Part(self.stage, index, None, shards))

    def concatenate(self, dataset: Dataset) -> Dataset:
        """These elements, then those of another data set of the same structure and dtypes."""
        return Dataset(Concatenate(self.stage, dataset.stage))

    def enumerate(self, start: int = 0) -> Dataset:
        """Pairs of a number and an element."""
        return Dataset(Enumerate(self.stage, _count("start", start, None)))

    def window(
        self, size: int, shift: int | None = None, stride: int = 1, drop_remainder: bool = False
    ) -> Dataset:
        """Windows over the elements, each a data set; where elements have several components, a
        window is the same structure of data sets, one for each component.

        ``dataset.window(5, shift=1, drop_remainder=True).flat_map(lambda w: w.batch(5))`` gives
        all runs of five elements.

        Args:
            size: elements of a window, at most.
            shift: from the beginning of a window to that of the next; default ``size``.
            stride: from one element of a window to the next.
            drop_remainder: whether windows with fewer than ``size`` elements are left out.
        """
        size = _count("size", size, 1)
        shift = size if shift is None else _count("shift", shift, 1)
        stride = _count("stride", stride, 1)
        return Dataset(Window(self.stage, size, shift, stride, bool(drop_remainder), Dataset))

    def cache(self, filename: str = "") -> Dataset:
        """The elements of the first whole pass are kept for the next ones, in memory or in a file.

        Args:
            filename: the file. If it exists, its elements are those of the data set, also in
                another program: delete it where the data set changes.

        Raises (when elements are taken):
            DataError: the file cannot be written or read, or holds elements of other types.
        """
        if not isinstance(filename, (str, os.PathLike)):
            raise DataError(f"filename is a path, not {type(filename).__name__}")
        if not os.fspath(filename):
            return Dataset(Cache(self.stage))
        if any(t.dtype == DATASET for t in self.stage.types):
            raise DataError("a file holds no data sets, such as windows", hint=FLATTEN)
        return Dataset(CacheFile(self.stage, Path(os.fspath(filename))))

    def prefetch(self, buffer_size: int = 1) -> Dataset:
        """Up to ``buffer_size`` elements are made ahead, by a thread of its own."""
        size = 2 if buffer_size == -1 else _count("buffer_size", buffer_size, 0)
        return self if size == 0 else Dataset(Prefetch(self.stage, size))

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """What a function makes of this data set."""
        return transformation_func(self)

    # ---- what it holds ------------------------------------------------------------------------

    @property
    def output_types(self) -> Any:
        """The dtype of each component, in the structure of the elements."""
        return pack(self.stage.template, [t.dtype for t in self.stage.types])

    @property
    def output_shapes(self) -> Any:
        """The shape of each component, in the structure of the elements."""
        return pack(self.stage.template, [t.shape for t in self.stage.types])

    def __iter__(self) -> abc.Iterator[Any]:
        """The elements as numpy arrays; each pass shuffles them again."""
        if self.stage.captured:
            raise NotInitialized(
                "this data set is made from tensors of a graph, which have values in a run only",
                hint="Use make_initializable_iterator(), or give arrays.",
            )
        types = self.stage.types
        for element in self.stage.elements(self._iteration):
            values = [as_numpy(v, t) for v, t in zip(element, types, strict=True)]
            yield pack(self.stage.template, values)

    def __repr__(self) -> str:
        return f"<Dataset of {self.output_types}>"

    # ---- in a graph ---------------------------------------------------------------------------

    def make_one_shot_iterator(self) -> Iterator:
        """An iterator that starts with the first run that needs it, once in each session."""
        return Iterator(self.stage, one_shot=True)

    def make_initializable_iterator(self, shared_name: str | None = None) -> Iterator:
        """An iterator that starts, and starts again, where its ``initializer`` runs."""
        return Iterator(self.stage, one_shot=False)

    def bind(
        self, *placeholders: Tensor | Mapping[Any, Any], graph: Graph | None = None
    ) -> Dataset:
        """Feed placeholders from this data set: each run that needs one takes the next element.

        Args:
            placeholders: one for each component, in order; or a dict from placeholder (or its name)
                to the key of a component.
            graph: where names are looked up; default the default graph.

        Returns:
            The data set itself.

        Raises:
            DataError: a placeholder does not fit its component.
        """
        bind(self.stage, placeholders, graph)
        return self


def TextLineDataset(filenames: Any) -> Dataset:
    """The lines of text files as strings, without their ends.

    Strings are no tensors: map them to numbers by a Python function, ``map(f, python=True)``.
    """
    return Dataset(Lines(filenames))


def _count(name: str, value: Any, least: int | None) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise DataError(f"{name} is a whole number, not {value!r:.40}") from None
    if isinstance(value, bool) or number != value or (least is not None and number < least):
        text = "a whole number" if least is None else f"at least {least}"
        raise DataError(f"{name} is {text}, not {value!r:.40}")
    return number
