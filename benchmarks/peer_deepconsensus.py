"""DeepConsensus 1.2 on Python 3.11, for `correct.py`; runs in an environment of its own, without lexome.

    python3.11 -m venv PEER
    PEER/bin/pip install tensorflow-cpu==2.16.2 tf_keras==2.16.0 "numpy<2" pysam ml_collections absl-py \
        pandas gin-config tensorflow_hub==0.16.1 sentencepiece scipy tensorflow_model_optimization \
        tensorflow-probability==0.24.0 tensorflow_datasets
    PEER/bin/pip install --no-deps deepconsensus==1.2.0 tf-models-official==2.9.2

It was made for Python 3.9 and TensorFlow 2.9. Three things stand in its way, and are moved aside here without
touching what is measured: default values that newer dataclasses refuse, an optimiser package that is no
longer made (it is only imported), and Keras 3 (TF_USE_LEGACY_KERAS, set by `correct.py`).

    peer_deepconsensus.py make LAYERS FOLDER         a model with random weights: checkpoint and .npz
    peer_deepconsensus.py features SUBREADS CCS      CPU-seconds of its features, all ZMWs
    peer_deepconsensus.py windows FOLDER ROWS BATCH  CPU-seconds of its network; FOLDER/p.npy: probabilities
    peer_deepconsensus.py run ...                    its own `deepconsensus run`
"""

import dataclasses
import inspect
import json
import sys
import time
from pathlib import Path
from unittest import mock

CHECK = "f.default.__class__.__hash__ is None"


def make_importable() -> None:
    """Lets Python 3.11 import it."""
    exec(inspect.getsource(dataclasses._get_field).replace(CHECK, "False"), dataclasses.__dict__)
    for name in ("tensorflow_addons", "tensorflow_addons.optimizers"):
        sys.modules[name] = mock.MagicMock()


def model_of(layers: int):
    """(parameters, network) of so many layers, as published."""
    from deepconsensus.models import model_configs, model_utils

    params = model_configs.get_config("transformer_learn_values+test")
    with params.unlocked():
        params.num_hidden_layers = layers
        params.max_passes = 20
        params.max_length = 100
    model_utils.modify_params(params, speedy=True, max_length=100, is_training=False)
    return params, model_utils.get_model(params)


def make(layers: str, folder: str) -> None:
    """A model whose layers all count: the gates, 0 at first, are set to 0.3."""
    import numpy as np
    import tensorflow as tf
    from deepconsensus.models import model_utils

    tf.random.set_seed(1)
    params, model = model_of(int(layers))
    model(np.zeros((1, params.total_rows, 100, 1), np.float32), training=False)
    for variable in model.variables:
        if variable.shape == ():
            variable.assign(0.3)
    output = Path(folder)
    output.mkdir(parents=True)
    tf.train.Checkpoint(model=model).save(str(output / "checkpoint"))
    model_utils.save_params_as_json(str(output), params)
    np.savez(output / "weights.npz", **{"w/" + v.name: v.numpy() for v in model.variables})


def features(subreads: str, ccs: str) -> None:
    """Its windows of all ZMWs, as `deepconsensus run` makes them."""
    from deepconsensus.preprocess import pre_lib

    config = pre_lib.DcConfig(max_passes=20, max_length=100, use_ccs_bq=False)
    feeder, _ = pre_lib.create_proc_feeder(
        subreads_to_ccs=subreads, ccs_bam=ccs, dc_config=config, ins_trim=5, use_ccs_smart_windows=False
    )
    start_s, windows, zmws = time.process_time(), 0, 0
    for reads, name, dc_config, _, window_widths in feeder():
        example = pre_lib.subreads_to_dc_example(reads, name, dc_config, window_widths)
        windows += len([window.to_features_dict() for window in example.iter_examples()])
        zmws += 1
    print(json.dumps({"cpu_s": time.process_time() - start_s, "windows": windows, "zmws": zmws}))


def windows(folder: str, rows: str, batch: str) -> None:
    """Its network over windows, after one batch to warm up."""
    import numpy as np
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    layers = json.loads((Path(folder) / "params.json").read_text())["num_hidden_layers"]
    _, model = model_of(layers)
    rows_NRL1 = np.load(rows)[..., None].astype(np.float32)
    size = int(batch)
    rows_NRL1 = rows_NRL1[: len(rows_NRL1) // size * size]  # batches of one shape, so that it compiles once
    network = tf.function(lambda x: model(x, training=False))
    network(rows_NRL1[:size])
    checkpoint = tf.train.Checkpoint(model=model)
    checkpoint.restore(str(Path(folder) / "checkpoint-1")).expect_partial().assert_existing_objects_matched()
    network(rows_NRL1[:size]).numpy()
    start_s = time.process_time()
    parts = [network(rows_NRL1[i : i + size]).numpy() for i in range(0, len(rows_NRL1), size)]
    took_s = time.process_time() - start_s
    np.save(Path(folder) / "p.npy", np.concatenate(parts))
    print(json.dumps({"cpu_s": took_s, "windows": len(rows_NRL1)}))


def run(*words: str) -> None:
    """Its command line."""
    from absl import app
    from deepconsensus.inference import quick_inference

    quick_inference.register_required_flags()
    app.run(quick_inference.main, argv=["deepconsensus", *words])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(print("peer_deepconsensus: skipped: correct.py runs it"))
    make_importable()
    {"make": make, "features": features, "windows": windows, "run": run}[sys.argv[1]](*sys.argv[2:])
