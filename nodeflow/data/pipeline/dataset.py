"""`nf.data.Dataset` for users, with TensorFlow 1's names, arguments and defaults."""

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
"""The default seed of a training as well, so that rows come in the same order."""


class Dataset:
    """A stream of elements, each an array, or a nested tuple or dict of arrays.

    A data set is immutable: every method returns a new one. ``for batch in dataset`` iterates in
    Python; `make_one_shot_iterator` returns tensors that hold the next element in each run; and
    `nf.train.train` takes a data set as its data.
    """

    def __init__(self, stage: Elements) -> None:
        if not isinstance(stage, Elements):
            raise DataError(
                "a Dataset is made by its methods", hint="Try nf.data.Dataset.from_tensor_slices."
            )
        self.stage = stage
        self._iteration = Iteration()

    # ---- sources of elements --------------------------------------------------------------------

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """Return a data set of the rows of arrays: element ``i`` holds row ``i`` of each array.

        Args:
            tensors: an array, or a tuple or dict of arrays, nested, with equally many rows. Tensors
                of a graph may stand for arrays: placeholders are fed where the iterator starts.

        Raises:
            DataError: a number without rows, or arrays of different length.
        """
        return Dataset(Slices(tensors))

    @staticmethod
    def from_tensors(tensors: Any) -> Dataset:
        """Return a data set with one element, the arrays unchanged."""
        return Dataset(Single(tensors))

    @staticmethod
    def from_generator(
        generator: Callable[..., Any],
        output_types: Any,
        output_shapes: Any = None,
        args: Sequence[Any] | None = None,
    ) -> Dataset:
        """Return a data set of the values that a Python generator yields.

        Args:
            generator: a function without arguments (or with ``args``) that returns an iterable;
                each pass calls it.
            output_types: dtype of each component, in the structure of the elements; ``str`` for
                strings.
            output_shapes: shape of each component, in the same structure; None is unknown.

        Raises (while iterating):
            DataError: an element has another structure, dtype or shape.
        """
        return Dataset(Generated(generator, output_types, output_shapes, args or ()))

    @staticmethod
    def range(*args: int) -> Dataset:
        """Return int64 numbers, like Python's range.

        The arguments are ``stop``, or ``start, stop``, or ``start, stop, step``.
        """
        return Dataset(Numbers(*args))

    @staticmethod
    def zip(datasets: Any) -> Dataset:
        """Return the elements of several data sets side by side, up to the end of the shortest.

        The elements have the structure of ``datasets``.

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
        """Return the rows of a data source, as dicts of its columns, like a dataset node.

        Args:
            source: ``mnist``, ``csv:PATH``, ``npz:PATH``, ...: see the page of data sources.
            split: ``train``, ``validation`` or ``test``.
            columns: names of columns; None for all.
            options, more: options of the source, such as ``scale`` or ``labels``.

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
        """Return the elements in random order, drawn from a buffer of the next ones.

        Args:
            buffer_size: the size of the buffer. If it holds all elements, they come in the same
                order as in a training with this seed.
            seed: None is 1; the same seed gives the same order everywhere.
            reshuffle_each_iteration: whether each pass has another order; None is True.
        """
        reshuffles = True if reshuffle_each_iteration is None else bool(reshuffle_each_iteration)
        size = _count("buffer_size", buffer_size, 1)
        given = DEFAULT_SEED if seed is None else _count("seed", seed, None)
        return Dataset(Shuffle(self.stage, size, given, reshuffles))

    def batch(self, batch_size: int, drop_remainder: bool = False) -> Dataset:
        """Return groups of elements, stacked along a new first axis. The last may be smaller."""
        return Dataset(Batch(self.stage, _count("batch_size", batch_size, 1), drop_remainder))

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
    ) -> Dataset:
        """Return batches like `batch`, with elements of different shapes padded.

        Args:
            padded_shapes: the shape of each component, in the structure of the elements; a size of
                None becomes the largest size in the batch. None pads all components like this.
            padding_values: the values for padding, in the same structure; None is zero.
        """
        size = _count("batch_size", batch_size, 1)
        stage = PaddedBatch(self.stage, size, padded_shapes, padding_values, drop_remainder)
        return Dataset(stage)

    def unbatch(self) -> Dataset:
        """Return the rows of each element, one by one."""
        return Dataset(Unbatch(self.stage))

    def repeat(self, count: int | None = None) -> Dataset:
        """Return the elements ``count`` times, or without end if it is None or -1."""
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
        """Return the results of a function for the elements.

        Args:
            map_func: a function of tensors, made of ops. It is traced into a graph once, which the
                engine runs; the parts of a tuple are its arguments.
            num_parallel_calls: accepted for compatibility with TensorFlow; `prefetch` works ahead.
            python: whether ``map_func`` is a Python function of numpy arrays instead.
            output_types, output_shapes: types of a Python function's results; by default the types
                of the first element.

        Raises:
            DataError: the function cannot be traced.
        """
        if not callable(map_func):
            raise DataError(f"map takes a function, not {type(map_func).__name__}")
        if python:
            return Dataset(PythonMap(self.stage, map_func, output_types, output_shapes))
        return Dataset(Map(self.stage, map_func))

    def filter(self, predicate: Callable[..., Any], *, python: bool = False) -> Dataset:
        """Return the elements that a function of ops (or of numpy arrays) accepts with True."""
        return Dataset(Filter(self.stage, predicate, python))

    def flat_map(self, map_func: Callable[..., Dataset]) -> Dataset:
        """Return the elements of the data sets that a Python function of arrays returns."""
        return Dataset(FlatMap(self.stage, map_func))

    def interleave(
        self,
        map_func: Callable[..., Dataset],
        cycle_length: int,
        block_length: int = 1,
        num_parallel_calls: int | None = None,
    ) -> Dataset:
        """Return elements like `flat_map`, but from several data sets in turn.

        Take ``block_length`` elements from each of ``cycle_length`` data sets in turn.
        """
        cycle = _count("cycle_length", cycle_length, 1)
        block = _count("block_length", block_length, 1)
        return Dataset(FlatMap(self.stage, map_func, cycle, block))

    def take(self, count: int) -> Dataset:
        """Return the first ``count`` elements; -1 returns all."""
        stop = None if count == -1 else _count("count", count, 0)
        return Dataset(Part(self.stage, 0, stop))

    def skip(self, count: int) -> Dataset:
        """Return all elements except the first ``count``; -1 returns none."""
        if count == -1:
            return self.take(0)
        return Dataset(Part(self.stage, _count("count", count, 0), None))

    def shard(self, num_shards: int, index: int) -> Dataset:
        """Return every ``num_shards``-th element, beginning with number ``index``."""
        shards = _count("num_shards", num_shards, 1)
        if not 0 <= _count("index", index, 0) < shards:
            raise DataError(f"index is below the {shards} shards, not {index}")
        return Dataset(Part(self.stage, index, None, shards))

    def concatenate(self, dataset: Dataset) -> Dataset:
        """Return the elements of this data set, then those of another with the same structure
        and dtypes.
        """
        return Dataset(Concatenate(self.stage, dataset.stage))

    def enumerate(self, start: int = 0) -> Dataset:
        """Return pairs of a number, counted from ``start``, and an element."""
        return Dataset(Enumerate(self.stage, _count("start", start, None)))

    def window(
        self, size: int, shift: int | None = None, stride: int = 1, drop_remainder: bool = False
    ) -> Dataset:
        """Return windows over the elements, each a data set.

        If elements have several components, a window has the same structure, with a data set for
        each component. ``dataset.window(5, shift=1, drop_remainder=True).flat_map(lambda w:
        w.batch(5))`` returns all runs of five elements.

        Args:
            size: largest number of elements in a window.
            shift: distance between the beginnings of two windows; default ``size``.
            stride: distance between two elements of a window.
            drop_remainder: whether to leave out windows with fewer than ``size`` elements.
        """
        size = _count("size", size, 1)
        shift = size if shift is None else _count("shift", shift, 1)
        stride = _count("stride", stride, 1)
        return Dataset(Window(self.stage, size, shift, stride, bool(drop_remainder), Dataset))

    def cache(self, filename: str = "") -> Dataset:
        """Keep the elements of the first whole pass for later passes, in memory or in a file.

        Args:
            filename: the file. If it exists, the data set has its elements, even in another
                program: delete it if the data set changes.

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
        """Produce up to ``buffer_size`` elements in advance, in a separate thread."""
        size = 2 if buffer_size == -1 else _count("buffer_size", buffer_size, 0)
        return self if size == 0 else Dataset(Prefetch(self.stage, size))

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """Return the result of a function for this data set."""
        return transformation_func(self)

    # ---- the elements ---------------------------------------------------------------------------

    @property
    def output_types(self) -> Any:
        """The dtype of each component, in the structure of the elements."""
        return pack(self.stage.template, [t.dtype for t in self.stage.types])

    @property
    def output_shapes(self) -> Any:
        """The shape of each component, in the structure of the elements."""
        return pack(self.stage.template, [t.shape for t in self.stage.types])

    def __iter__(self) -> abc.Iterator[Any]:
        """Iterate over the elements as numpy arrays. Each pass shuffles them again."""
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
        """Return an iterator that starts with the first run that needs it, once in each session."""
        return Iterator(self.stage, one_shot=True)

    def make_initializable_iterator(self, shared_name: str | None = None) -> Iterator:
        """Return an iterator that starts, and starts again, when its ``initializer`` runs."""
        return Iterator(self.stage, one_shot=False)

    def bind(
        self, *placeholders: Tensor | Mapping[Any, Any], graph: Graph | None = None
    ) -> Dataset:
        """Feed placeholders from this data set: each run that needs one takes the next element.

        Args:
            placeholders: one for each component, in order; or a dict from placeholder (or its name)
                to the key of a component.
            graph: the graph for looking up names; default the default graph.

        Returns:
            The data set itself.

        Raises:
            DataError: a placeholder does not fit its component.
        """
        bind(self.stage, placeholders, graph)
        return self


def TextLineDataset(filenames: Any) -> Dataset:
    """Return the lines of text files as strings, without their ends.

    Strings are not tensors: map them to numbers by a Python function, ``map(f, python=True)``.
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
