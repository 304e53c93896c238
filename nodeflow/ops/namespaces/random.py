"""`nf.random`: TensorFlow 1's names of random functions, which are at the root or in `nf.nn`."""

from nodeflow.namespaces import spelled

_SAME = (
    *("categorical", "fixed_unigram_candidate_sampler", "get_seed"),
    *("log_uniform_candidate_sampler", "multinomial", "set_random_seed", "truncated_normal"),
    "uniform_candidate_sampler",
)

NAMES = {
    **{name: name for name in _SAME},
    "all_candidate_sampler": "nn.all_candidate_sampler",
    "gamma": "random_gamma",
    "normal": "random_normal",
    "poisson": "random_poisson",
    "shuffle": "random_shuffle",
    "uniform": "random_uniform",
}
"""TensorFlow 1's name -> nodeflow's name, without ``nf.``."""

__getattr__, __dir__ = spelled(__name__, NAMES, "nf.random")
