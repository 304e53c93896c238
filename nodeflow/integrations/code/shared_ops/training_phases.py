"""Layers that behave differently in training, written as calls of helper functions."""

from __future__ import annotations

from nodeflow.integrations.code.dialect import Call, Write

NORMS = ("batch_normalization", "layers/batch_normalization")


def batch_norm(call: Call) -> str | None:
    """Return the code of a batch normalization as a call of a helper function, which also updates
    the moving averages in training.
    """
    attrs, weights = call.attrs, call.weights
    phase = call.phase()
    if phase in (None, "True"):  # every prediction would move the averages
        return None
    scale = weights.get("gamma", weights.get("scale", "1.0"))
    offset = weights.get("beta", weights.get("offset", "0.0"))
    moving = (weights["moving_mean"], weights["moving_variance"])
    how = f"momentum={attrs['momentum']}, epsilon={attrs['epsilon']}, training={phase}"
    if attrs["axis"] % call.rank != call.rank - 1:
        how += f", axis={attrs['axis']}"
    if attrs.get("unbiased"):
        how += ", unbiased=True"
    return f"batch_norm({', '.join((call.args[0], scale, offset, *moving, how))})"


def layer_norm(call: Call) -> str | None:
    """Return the code of a layer normalization as a call of a helper function, with gamma and beta.
    Return None if the node's attributes do not fit the helper.
    """
    weights = [call.weights[name] for name in ("gamma", "beta") if name in call.weights]
    given = [*call.args, *weights]
    if call.attrs["axis"] not in (-1, (-1,), call.rank - 1, (call.rank - 1,)) or len(given) != 3:
        return None
    return f"layer_norm({', '.join(given)}, {call.attrs['epsilon']})"


def dropout(template: str, always: str | None = None) -> Write:
    """Return a function that writes the code of a dropout with a constant rate.

    Args:
        template: with ``{x}``, ``{rate}``, ``{phase}`` and ``{number}``.
        always: another template for a dropout that also acts outside of training.
    """

    def write(call: Call) -> str | None:
        phase = call.phase()
        if phase is None or len(call.args) > 2 or call.attrs["noise_shape"] is not None:
            return None
        if phase == "False":
            return call.args[0]
        written = template if always is None or phase != "True" else always
        return written.format(
            x=call.args[0], rate=call.attrs["rate"], phase=phase, number=call.number
        )

    return write
