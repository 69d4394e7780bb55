#!/usr/bin/env python3
"""The reference quantizer, what `qdebug quantize` is measured against.

usage: quantizer.py FLOAT DATA SAMPLES CALIBRATOR        prints "seconds S"; limited to 16 GB of memory
"""
import contextlib
import logging
import os
import pathlib
import resource
import sys
import tempfile
import time

resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, quantize_static  # noqa: E402


class Samples(CalibrationDataReader):
    def __init__(self, model, folder, n):
        name = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).get_inputs()[0].name
        files = sorted(pathlib.Path(folder).glob("*.npy"))[:n]
        self.feeds = ({name: np.load(f)} for f in files)

    def get_next(self):
        return next(self.feeds, None)


def main():
    model, folder, n, calibrator = sys.argv[1:]
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as tmp, open(os.devnull, "w") as silence:
        samples = Samples(model, folder, int(n))
        begin = time.monotonic()
        with contextlib.redirect_stdout(silence):
            quantize_static(model, f"{tmp}/out.onnx", samples, calibrate_method=CalibrationMethod[calibrator])
    print("seconds", time.monotonic() - begin)


main()
