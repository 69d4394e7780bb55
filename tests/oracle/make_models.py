#!/usr/bin/env python3
"""Makes the model pairs that demo, tests and benchmarks use, with the reference package.

usage: make_models.py MODEL/FILE...   e.g. det/pre.s8s8, or all; into build/models/

build/models/MODEL/raw.onnx   as published (put there by tools/models.sh)
                   pre.onnx   raw, pre-processed by the reference package
                   SRC.SETTING.onnx   SRC (pre or raw), statically quantized
Pair A is pre + pre.*, pair B raw + pre.*, pair C raw + raw.*. A file whose key (this
script, the pinned packages, the rendered inputs' script) has not changed is kept.
"""
import hashlib
import logging
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ROOT / "build" / "models"

CALIBRATION = {"det": "det320", "rec": "rec", "cls": "cls"}   # model: set of inputs
SAMPLES = 4

# setting: activation type, weight type, per channel
SETTINGS = {
    "s8s8": ("QInt8", "QInt8", False),
    "u8s8": ("QUInt8", "QInt8", False),
    "s8s8_pc": ("QInt8", "QInt8", True),
    "u8s8_pc": ("QUInt8", "QInt8", True),
}
ALL = [f"{m}/pre" for m in CALIBRATION]
ALL += [f"{m}/{src}.{s}" for m in CALIBRATION for src in ("pre", "raw") for s in SETTINGS]


def key(path):
    digest = hashlib.sha256(path.encode())
    for part in (pathlib.Path(__file__), ROOT / "tools" / "requirements.txt",
                 ROOT / "fixtures" / "gen" / "render.py",
                 MODELS / path.split("/")[0] / "raw.onnx"):
        digest.update(part.read_bytes())
    return digest.hexdigest()


def preprocess(raw, out):
    """Symbolic shape inference does not know these graphs, so it is left out, as the
    reference package's own error message advises."""
    from onnxruntime.quantization.shape_inference import quant_pre_process
    quant_pre_process(str(raw), str(out), skip_symbolic_shape=True)


def quantize(src, out, model, setting):
    import numpy as np
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Samples(CalibrationDataReader):
        def __init__(self):
            files = sorted((ROOT / "build" / "data" / CALIBRATION[model]).glob("*.npy"))
            session = onnxruntime.InferenceSession(str(src), providers=["CPUExecutionProvider"])
            name = session.get_inputs()[0].name
            self.feeds = iter([{name: np.load(f)} for f in files[:SAMPLES]])

        def get_next(self):
            return next(self.feeds, None)

    activation, weight, per_channel = SETTINGS[setting]
    # Below opset 13 Q/DQ of the standard domain have no axis: per channel needs contrib ones.
    extra = {"UseQDQContribOps": True} if per_channel else {}
    quantize_static(str(src), str(out), Samples(), per_channel=per_channel,
                    activation_type=getattr(QuantType, activation),
                    weight_type=getattr(QuantType, weight), extra_options=extra)
    onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])   # does it load?


def make(path):
    model, name = path.split("/")
    out = MODELS / model / f"{name}.onnx"
    stamp = MODELS / model / f".{name}.key"
    want = key(path)
    if out.is_file() and stamp.is_file() and stamp.read_text() == want:
        return
    print(f"  MODEL {out.relative_to(ROOT)}", flush=True)
    import onnxruntime
    onnxruntime.set_default_logger_severity(3)   # thousands of unused Constants in raw models
    part = out.with_name(f".{name}.part.onnx")
    if name == "pre":
        preprocess(out.with_name("raw.onnx"), part)
    else:
        src, setting = name.split(".")
        if src == "pre":
            make(f"{model}/pre")
        quantize(out.with_name(f"{src}.onnx"), part, model, setting)
    part.rename(out)
    stamp.write_text(want)


def main():
    # The reference package walks Python sets, whose order changes from run to run.
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable] + sys.argv)
    logging.disable(logging.WARNING)
    paths = ALL if sys.argv[1:] == ["all"] else sys.argv[1:]
    unknown = [p for p in paths if p not in ALL]
    if unknown:
        sys.exit(f"make_models.py: {unknown[0]}: unknown, one of: {' '.join(ALL)}")
    for path in paths:
        make(path)


if __name__ == "__main__":
    main()
