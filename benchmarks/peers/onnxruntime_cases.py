"""Inference in onnxruntime, by files that PyTorch's exporter made of the same models."""

from __future__ import annotations

import io

import model_workloads as models
import onnxruntime
import torch
import torch_models
from workloads import Work


def prepare(case: str, threads: int | None, _: str) -> Work:
    name, value = models.inference(case)
    file = io.BytesIO()
    model = torch_models.Inference(name).eval()
    torch.onnx.export(model, (torch.from_numpy(value),), file, input_names=["x"], dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or torch.get_num_threads()
    session = onnxruntime.InferenceSession(
        file.getvalue(), options, providers=["CPUExecutionProvider"]
    )

    def compute():
        return session.run(None, {"x": value})

    return Work(compute, compute)
