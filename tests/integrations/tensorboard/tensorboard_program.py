"""Prints what TensorBoard's own reader finds in a folder, as JSON; or lets tensorboardX write one.

Runs in a Python with tensorboard and tensorboardX, apart from nodeflow.
"""

import json
import sys


def read(folder: str) -> dict:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    found = EventAccumulator(folder, {"scalars": 0, "histograms": 0, "images": 0, "tensors": 0})
    found.Reload()
    tags = found.Tags()
    hparams = {}
    for tag in [tag for tag in tags["tensors"] if tag.startswith("_hparams_/")]:
        data = plugin_data_pb2.HParamsPluginData.FromString(
            found.summary_metadata[tag].plugin_data.content
        )
        hparams[tag] = {
            "settings": {
                key: getattr(value, value.WhichOneof("kind"))
                for key, value in data.session_start_info.hparams.items()
            },
            "metrics": [info.name.tag for info in data.experiment.metric_infos],
            "names": [info.name for info in data.experiment.hparam_infos],
            "status": data.session_end_info.status,
        }
    return {
        "nodes": [node.name for node in found.Graph().node] if tags["graph"] else [],
        "scalars": {
            tag: [[event.step, event.value] for event in found.Scalars(tag)]
            for tag in tags["scalars"]
        },
        "histograms": {
            tag: [[event.step, event.histogram_value.num] for event in found.Histograms(tag)]
            for tag in tags["histograms"]
        },
        "images": {
            tag: [[event.step, event.width, event.height] for event in found.Images(tag)]
            for tag in tags["images"]
        },
        "texts": [tag for tag in tags["tensors"] if not tag.startswith("_hparams_/")],
        "hparams": hparams,
    }


def write(folder: str) -> None:
    import numpy as np
    from tensorboardX import SummaryWriter

    with SummaryWriter(folder) as writer:
        for step in range(20):
            writer.add_scalar("train/loss", 1 / (step + 1), step)
            writer.add_scalar("test/accuracy", step / 20, step)
        writer.add_histogram("w", np.arange(10.0), 3)
        writer.add_text("note", "hello", 1)


if __name__ == "__main__":
    if sys.argv[1] == "read":
        print(json.dumps(read(sys.argv[2])))
    else:
        write(sys.argv[2])
