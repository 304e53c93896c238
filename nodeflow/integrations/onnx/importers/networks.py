# Attributes come from a file, so their types are checked only when a node is made.
# pyright: reportArgumentType=false, reportOptionalOperand=false, reportOptionalSubscript=false
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false
"""Normalisation, losses, attention, recurrent networks, optimizers."""

from __future__ import annotations

from typing import Any

import nodeflow as nf
from nodeflow.integrations.onnx.call import Call, LeftOut, op, reshaped, size


def channelwise(x: nf.Tensor, rank: int) -> nf.Tensor:
    """Return a vector of channels (axis 1), in a shape that broadcasts."""
    return nf.expand_dims(x, axis=tuple(range(1, rank - 1))) if rank > 2 else x


@op("BatchNormalization")
def batch_normalization(call: Call) -> Any:
    x, rank, epsilon = call.x(), call.rank, call.get("epsilon", 1e-5)
    scale, offset = call.x(1), call.x(2)
    if not call.get("training_mode", 0):
        mean, variance = call.x(3), call.x(4)
        return nf.batch_normalize(x, mean, variance, offset, scale, axis=1, epsilon=epsilon)
    axes = tuple(a for a in range(rank) if a != 1)
    keep = call.get("momentum", 0.9)
    mean, variance = nf.moments(x, axes)
    y = nf.batch_normalize(x, mean, variance, offset, scale, axis=1, epsilon=epsilon)
    return y, call.x(3) * keep + mean * (1 - keep), call.x(4) * keep + variance * (1 - keep)


@op("LayerNormalization")
def layer_normalization(call: Call) -> Any:
    x, epsilon = call.x(), call.get("epsilon", 1e-5)
    axis = call.get("axis", -1) % call.rank
    axes = tuple(range(axis, call.rank))
    y = nf.layer_normalization(x, *call.all()[1:], axis=axes, epsilon=epsilon)
    if not call.wants(1):
        return y
    mean, variance = nf.moments(x, axes, keepdims=True)
    return y, mean, nf.rsqrt(variance + epsilon)


@op("RMSNormalization")
def rms_normalization(call: Call) -> nf.Tensor:
    axis = call.get("axis", -1) % call.rank
    axes = tuple(range(axis, call.rank))
    epsilon = call.get("epsilon", 1e-5)
    return nf.rms_normalization(call.x(), call.x(1), axis=axes, epsilon=epsilon)


@op("GroupNormalization")
def group_normalization(call: Call) -> nf.Tensor:
    if call.version < 21 and call.shape(1) != (call.shape(0)[1],):
        raise LeftOut("a scale for each group, which opset 21 changed")
    return nf.group_normalization(
        *call.all(), groups=call["num_groups"], axis=1, epsilon=call.get("epsilon", 1e-5)
    )


@op("InstanceNormalization")
def instance_normalization(call: Call) -> nf.Tensor:
    return nf.instance_normalization(*call.all(), axis=1, epsilon=call.get("epsilon", 1e-5))


@op("MeanVarianceNormalization")
def mean_variance_normalization(call: Call) -> nf.Tensor:
    axes = tuple(call.get("axes", (0, 2, 3)))
    return nf.layer_normalization(call.x(), axis=axes, epsilon=0.0)


@op("LRN")
def local_response(call: Call) -> nf.Tensor:
    size = call["size"]
    if size % 2 == 0:
        raise LeftOut("a window of even size")
    alpha = call.get("alpha", 1e-4) / size
    attrs = {"bias": call.get("bias", 1.0), "alpha": alpha, "beta": call.get("beta", 0.75)}
    return nf.local_response_normalization(call.x(), depth_radius=size // 2, axis=1, **attrs)


@op("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss")
def class_losses(call: Call) -> Any:
    scores, labels = call.x(), call.x(1)
    weights = [call.x(2)] if call.has(2) else []
    attrs = {
        "axis": 1,
        "reduction": call.get("reduction", "mean"),
        "ignore_index": call.get("ignore_index"),
    }
    if call.op == "NegativeLogLikelihoodLoss":
        return nf.nll_loss(labels, scores, *weights, **attrs)
    logs = nf.log_softmax(scores, axis=1)
    loss = nf.nll_loss(labels, logs, *weights, **attrs)
    return (loss, logs) if call.wants(1) else loss


@op("Dropout")
def dropout(call: Call) -> Any:
    training = call.value(2) if call.version >= 12 else None
    if training is not None and training:
        ratio = call.value(1)
        if ratio is None or ratio != 0:
            raise LeftOut("random numbers")
    y = nf.identity(call.x())
    return (y, nf.cast(nf.ones_like(call.x()), "bool")) if call.wants(1) else y


def heads(x: nf.Tensor, count: int) -> nf.Tensor:
    """Return (batch, length, features) as (batch, heads, length, features / heads)."""
    features = x.type.shape[2]
    if features is None:
        raise LeftOut("the number of features has to be known before a run")
    parts = reshaped(x, [size(x, 0), size(x, 1), count, features // count])
    return nf.transpose(parts, perm=[0, 2, 1, 3])


def joined_heads(y: nf.Tensor) -> nf.Tensor:
    """Return (batch, heads, length, size) as (batch, length, heads * size)."""
    count, features = y.type.shape[1], y.type.shape[3]
    turned = nf.transpose(y, perm=[0, 2, 1, 3])
    if count is None or features is None:
        raise LeftOut("the number of features has to be known before a run")
    return reshaped(turned, [size(turned, 0), size(turned, 1), count * features])


@op("Attention")
def attention(call: Call) -> Any:
    query, key, value = (call.x(i) for i in range(3))
    flat = call.rank == 3
    if flat:
        query = heads(query, call["q_num_heads"])
        key, value = (heads(t, call["kv_num_heads"]) for t in (key, value))
    groups = (query.shape[1] or 1) // (key.shape[1] or 1)
    past = 0
    if call.has(4):
        past = call.sizes(4)[-2]
        key = nf.concat([call.x(4), key], axis=-2)
        value = nf.concat([call.x(5), value], axis=-2)
    mask = call.optional(3)
    if mask is not None and mask.shape[-1] != key.shape[-2]:
        if key.shape[-2] is None or mask.shape[-1] is None:
            raise LeftOut("the length of the keys has to be known before a run")
        more = key.shape[-2] - mask.shape[-1]
        pairs = [[0, 0]] * (len(mask.shape) - 1) + [[0, more]]
        mask = nf.pad(mask, paddings=pairs, value=False if mask.dtype == "bool" else float("-inf"))
    y, scores = nf.attention(
        query, key, value, mask, call.optional(6), causal=bool(call.get("is_causal", 0)),
        scale=call.get("scale"), groups=groups, soft_cap=call.get("softcap", 0.0) or None,
        offset=past, return_scores=True,
        show=("products", "capped", "masked", "weights")[call.get("qk_matmul_output_mode", 0)],
    )  # fmt: skip
    if flat:
        y = joined_heads(y)
    return [y, key if call.wants(1) else None, value if call.wants(2) else None, scores]


@op("FlexAttention", domain="ai.onnx.preview")
def flex_attention(call: Call) -> nf.Tensor:
    if "score_mod" in call.attrs or "prob_mod" in call.attrs:
        raise LeftOut("an optimizer or a graph inside a node")
    groups = call.sizes(0)[1] // call.sizes(1)[1]
    return nf.attention(*call.all(), groups=groups, scale=call.get("scale"))


@op("LinearAttention")
def linear_attention(call: Call) -> Any:
    if call.dtype(0) == "float16":
        raise LeftOut("a recurrence in float16, of which each step is rounded")
    many, few = call["q_num_heads"], call["kv_num_heads"]
    query, key, value = heads(call.x(), many), heads(call.x(1), few), heads(call.x(2), few)
    given = [query, key, value]
    rows, length, _ = call.sizes(0)
    if any(call.has(i) for i in (3, 4, 5)):
        with_decay = call.has(4)
        given.append(heads(call.x(4), few) if with_decay else nf.zeros([rows, few, length, 1]))
    if call.has(3) or call.has(5):
        beta = nf.transpose(call.x(5), perm=[0, 2, 1]) if call.has(5) else None
        given.append(nf.ones([rows, few, length]) if beta is None else beta)
    if call.has(3):
        given.append(call.x(3))
    delta = call.get("update_rule", "gated_delta").endswith("delta")
    y, last = nf.linear_attention(*given, scale=call.get("scale") or None, delta_rule=delta)
    y = nf.reshape(nf.transpose(y, perm=[0, 2, 1, 3]), shape=[rows, length, -1])
    return y, last


@op("RotaryEmbedding")
def rotary(call: Call) -> nf.Tensor:
    x, inside = call.x(), call.get("interleaved", 0)
    cos, sin = call.x(1), call.x(2)
    if call.has(3):
        cos, sin = nf.gather(cos, call.x(3)), nf.gather(sin, call.x(3))
    if call.rank == 3:
        x = heads(x, call["num_heads"])
    cos, sin = nf.expand_dims(cos, axis=1), nf.expand_dims(sin, axis=1)
    y = nf.rotary_embedding(x, cos, sin, interleaved=bool(inside))
    if call.rank == 4:
        return y
    return joined_heads(y)
