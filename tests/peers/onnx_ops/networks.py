"""Normalisation, losses, attention, recurrent networks, optimizers."""

from __future__ import annotations

from typing import Any

import nodeflow as nf

from . import Case, LeftOut, op


def channelwise(x: nf.Tensor, rank: int) -> nf.Tensor:
    """A vector of channels (axis 1) in a shape that broadcasts."""
    return nf.expand_dims(x, axis=tuple(range(1, rank - 1))) if rank > 2 else x


@op("BatchNormalization")
def batch_normalization(case: Case) -> Any:
    x, rank, epsilon = case.x(), case.rank, case.get("epsilon", 1e-5)
    scale, offset = case.x(1), case.x(2)
    if not case.get("training_mode", 0):
        mean, variance = case.x(3), case.x(4)
        return nf.batch_normalize(x, mean, variance, offset, scale, axis=1, epsilon=epsilon)
    axes = tuple(a for a in range(rank) if a != 1)
    keep = case.get("momentum", 0.9)
    mean, variance = nf.moments(x, axes)
    y = nf.batch_normalize(x, mean, variance, offset, scale, axis=1, epsilon=epsilon)
    return y, case.x(3) * keep + mean * (1 - keep), case.x(4) * keep + variance * (1 - keep)


@op("LayerNormalization")
def layer_normalization(case: Case) -> Any:
    x, epsilon = case.x(), case.get("epsilon", 1e-5)
    axis = case.get("axis", -1) % case.rank
    axes = tuple(range(axis, case.rank))
    y = nf.layer_normalization(x, *case.all()[1:], axis=axes, epsilon=epsilon)
    if not case.wants(1):
        return y
    mean, variance = nf.moments(x, axes, keepdims=True)
    return y, mean, nf.rsqrt(variance + epsilon)


@op("RMSNormalization")
def rms_normalization(case: Case) -> nf.Tensor:
    axis = case.get("axis", -1) % case.rank
    axes = tuple(range(axis, case.rank))
    epsilon = case.get("epsilon", 1e-5)
    return nf.rms_normalization(case.x(), case.x(1), axis=axes, epsilon=epsilon)


@op("GroupNormalization")
def group_normalization(case: Case) -> nf.Tensor:
    return nf.group_normalization(
        *case.all(), groups=case["num_groups"], axis=1, epsilon=case.get("epsilon", 1e-5)
    )


@op("InstanceNormalization")
def instance_normalization(case: Case) -> nf.Tensor:
    return nf.instance_normalization(*case.all(), axis=1, epsilon=case.get("epsilon", 1e-5))


@op("MeanVarianceNormalization")
def mean_variance_normalization(case: Case) -> nf.Tensor:
    axes = tuple(case.get("axes", (0, 2, 3)))
    return nf.layer_normalization(case.x(), axis=axes, epsilon=0.0)


@op("LRN")
def local_response(case: Case) -> nf.Tensor:
    size = case["size"]
    if size % 2 == 0:
        raise LeftOut("a window of even size")
    alpha = case.get("alpha", 1e-4) / size
    attrs = {"bias": case.get("bias", 1.0), "alpha": alpha, "beta": case.get("beta", 0.75)}
    return nf.local_response_normalization(case.x(), depth_radius=size // 2, axis=1, **attrs)


@op("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss")
def class_losses(case: Case) -> Any:
    scores, labels = case.x(), case.x(1)
    weights = [case.x(2)] if case.has(2) else []
    attrs = {
        "axis": 1,
        "reduction": case.get("reduction", "mean"),
        "ignore_index": case.get("ignore_index"),
    }
    if case.op == "NegativeLogLikelihoodLoss":
        return nf.nll_loss(labels, scores, *weights, **attrs)
    logs = nf.log_softmax(scores, axis=1)
    loss = nf.nll_loss(labels, logs, *weights, **attrs)
    return (loss, logs) if case.wants(1) else loss


@op("Dropout")
def dropout(case: Case) -> Any:
    training, ratio = case.value(2), case.value(1)
    if training is not None and training and (ratio is None or ratio != 0):
        raise LeftOut("random numbers")
    y = nf.identity(case.x())
    return (y, nf.cast(nf.ones_like(case.x()), "bool")) if case.wants(1) else y


def heads(x: nf.Tensor, count: int) -> nf.Tensor:
    """(batch, length, features) as (batch, heads, length, features / heads)."""
    n, length, size = (d or 0 for d in x.shape)
    return nf.transpose(nf.reshape(x, shape=[n, length, count, size // count]), perm=[0, 2, 1, 3])


@op("Attention")
def attention(case: Case) -> Any:
    query, key, value = (case.x(i) for i in range(3))
    flat = case.rank == 3
    if flat:
        query = heads(query, case["q_num_heads"])
        key, value = (heads(t, case["kv_num_heads"]) for t in (key, value))
    groups = (query.shape[1] or 1) // (key.shape[1] or 1)
    past = 0
    if case.has(4):
        past = case.value(4).shape[-2]
        key = nf.concat([case.x(4), key], axis=-2)
        value = nf.concat([case.x(5), value], axis=-2)
    mask = case.optional(3)
    if mask is not None and mask.shape[-1] != key.shape[-2]:
        more = (key.shape[-2] or 0) - (mask.shape[-1] or 0)
        pairs = [[0, 0]] * (len(mask.shape) - 1) + [[0, more]]
        mask = nf.pad(mask, paddings=pairs, value=False if mask.dtype == "bool" else float("-inf"))
    y, scores = nf.attention(
        query, key, value, mask, case.optional(6), causal=bool(case.get("is_causal", 0)),
        scale=case.get("scale"), groups=groups, soft_cap=case.get("softcap", 0.0) or None,
        offset=past, return_scores=True,
        show=("products", "capped", "masked", "weights")[case.get("qk_matmul_output_mode", 0)],
    )  # fmt: skip
    if flat:
        n, count, length, size = (d or 0 for d in y.shape)
        y = nf.reshape(nf.transpose(y, perm=[0, 2, 1, 3]), shape=[n, length, count * size])
    outputs = [y, *((key, value) if case.wants(1) else ())]
    return [*outputs, scores] if case.wants(3) else outputs


@op("FlexAttention")
def flex_attention(case: Case) -> nf.Tensor:
    if "score_mod" in case.attrs or "prob_mod" in case.attrs:
        raise LeftOut("an optimizer or a graph inside a node")
    groups = case.value(0).shape[1] // case.value(1).shape[1]
    return nf.attention(*case.all(), groups=groups, scale=case.get("scale"))


@op("LinearAttention")
def linear_attention(case: Case) -> Any:
    if case.value(0).dtype == "float16":
        raise LeftOut("a recurrence in float16, of which each step is rounded")
    many, few = case["q_num_heads"], case["kv_num_heads"]
    query, key, value = heads(case.x(), many), heads(case.x(1), few), heads(case.x(2), few)
    given = [query, key, value]
    rows, length, _ = case.value(0).shape
    if any(case.has(i) for i in (3, 4, 5)):
        with_decay = case.has(4)
        given.append(heads(case.x(4), few) if with_decay else nf.zeros([rows, few, length, 1]))
    if case.has(3) or case.has(5):
        beta = nf.transpose(case.x(5), perm=[0, 2, 1]) if case.has(5) else None
        given.append(nf.ones([rows, few, length]) if beta is None else beta)
    if case.has(3):
        given.append(case.x(3))
    delta = case.get("update_rule", "gated_delta").endswith("delta")
    y, last = nf.linear_attention(*given, scale=case.get("scale") or None, delta_rule=delta)
    y = nf.reshape(nf.transpose(y, perm=[0, 2, 1, 3]), shape=[rows, length, -1])
    return y, last


@op("RotaryEmbedding")
def rotary(case: Case) -> nf.Tensor:
    x, inside = case.x(), case.get("interleaved", 0)
    cos, sin = case.x(1), case.x(2)
    if case.has(3):
        cos, sin = nf.gather(cos, case.x(3)), nf.gather(sin, case.x(3))
    if case.rank == 3:
        x = heads(x, case["num_heads"])
    cos, sin = nf.expand_dims(cos, axis=1), nf.expand_dims(sin, axis=1)
    y = nf.rotary_embedding(x, cos, sin, interleaved=bool(inside))
    if case.rank == 4:
        return y
    n, count, length, size = (d or 0 for d in y.shape)
    return nf.reshape(nf.transpose(y, perm=[0, 2, 1, 3]), shape=[n, length, count * size])


@op("Momentum", "Adagrad", "Adam", "Scan", "Loop", "If")
def graphs(case: Case) -> Any:
    raise LeftOut("an optimizer or a graph inside a node")


@op("LSTM", "GRU", "RNN")
def recurrent(case: Case) -> Any:
    raise LeftOut("recurrent networks have another layout of weights")
