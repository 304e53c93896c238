"""No raw exception from the names that `nodeflow.tensorflow1` has and `nf` has not."""

from __future__ import annotations

from inspect import isclass
from operator import attrgetter

import pytest

import nodeflow as nf
import nodeflow.tensorflow1 as tf
from nodeflow.errors import ArgumentProblem
from nodeflow.integrations.tensorflow1.tables.homes import SPACES
from nodeflow.integrations.tensorflow1.tables.moved import IN_CORE, SPACES_IN_CORE
from tests.public.test_wrong_arguments import call, draws

NAMES = sorted(
    {
        *IN_CORE,
        *(f"{space}.{name}" for space in SPACES_IN_CORE for name in dir(attrgetter(space)(tf))),
    }
    - {*SPACES}
)
CALLED = [name for name in NAMES if callable(attrgetter(name)(tf))]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLED)
def test_a_function(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    function = attrgetter(name)(tf)
    with nf.Graph() as graph:
        for args, keywords in draws(name, graph):
            with nf.Graph() if not graph.nodes else graph:
                call(function, args, keywords)


def test_most_names_are_called() -> None:
    assert len(CALLED) > 300 and any(isclass(attrgetter(name)(tf)) for name in CALLED)


def test_the_step_of_something_else_than_a_tensor_is_refused() -> None:
    with pytest.raises(ArgumentProblem, match="global_step_tensor must be Tensor, not an int"):
        tf.train.global_step(3, 4)
