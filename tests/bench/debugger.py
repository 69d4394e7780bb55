"""The reference package's debugger, as its documentation uses it, in a process limited to 16 GB.

usage: debugger.py FLOAT QUANT DIR SAMPLES       prints "pass SECONDS"
"""
import logging
import pathlib
import resource
import sys
import tempfile
import time

LIMIT = 16 << 30


def main():
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    import numpy as np
    import onnx
    from onnxruntime.quantization import qdq_loss_debug as ref
    from onnxruntime.quantization.calibrate import CalibrationDataReader
    logging.disable(logging.CRITICAL)

    class Reader(CalibrationDataReader):
        def __init__(self, name, files):
            self.name, self.files = name, iter(files)

        def get_next(self):
            f = next(self.files, None)
            return f and {self.name: np.load(f)}

    floating, quantized, folder, samples = sys.argv[1:]
    files = sorted(pathlib.Path(folder).glob("*.npy"))[:int(samples)]
    name = onnx.load(floating).graph.input[0].name
    begin = time.monotonic()
    found = []
    with tempfile.TemporaryDirectory() as tmp:
        for path in (floating, quantized):
            copy = f"{tmp}/model.onnx"      # it writes beside the model
            pathlib.Path(copy).write_bytes(pathlib.Path(path).read_bytes())
            ref.modify_model_output_intermediate_tensors(copy, f"{tmp}/more.onnx")
            found.append(ref.collect_activations(f"{tmp}/more.onnx", Reader(name, files)))
    ref.compute_activation_error(ref.create_activation_matching(found[1], found[0]))
    try:
        ref.compute_weight_error(ref.create_weight_matching(floating, quantized))
    except (TypeError, ValueError):     # its crash on scalar biases
        pass
    print(f"pass {time.monotonic() - begin:.6f}")


if __name__ == "__main__":
    main()
