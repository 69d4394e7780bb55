"""The small graphs of fixtures/gen/small.py, each through everything that the real pairs are."""
import logging
import sys

import accounting
import common
import deployed
import reference
import rename
import truth

sys.path.insert(0, str(common.ROOT / "fixtures" / "gen"))
import small    # noqa: E402


def half(argument):
    """`even`, `odd`: every other case; a name: that case."""
    names = list(small.CASES)
    return {"even": names[::2], "odd": names[1::2]}.get(argument, [argument])


def as_reference(c, report, fpath, qpath, feeds):
    if not c.how.get("reference", True):
        return
    for name, check in (("activations", lambda: reference.activations(report, fpath, qpath, feeds)),
                        ("weights", lambda: reference.weights(report, fpath, qpath))):
        try:
            found = list(check())
        except Exception as e:      # its crashes are not ours to test
            print(f"# {c.name}: the reference fails on {name}: {type(e).__name__}: {e}")
            continue
        for why in found:
            yield f"{name}: {why}"


def as_numpy(report, fpath, qpath, feeds, tmp):
    yield from truth.activations(report, fpath, qpath, feeds)
    yield from truth.weights(report, fpath, qpath, feeds[0], common.basic_optimized(fpath, tmp))


def accounted(report, fpath, qpath, tmp):
    yield from accounting.complete(report, fpath)
    yield from accounting.no_counterpart(report)
    yield from accounting.claims(report, fpath, qpath, tmp)
    yield from accounting.quant_side(report, qpath)


def as_deployed(report, fpath, qpath, data, feeds):
    other = common.qdebug(fpath, qpath, data, "--self-check", "1", "--threads", "1",
                          "--keep-activations", "none")
    yield from deployed.same_rows(other, report)
    yield from deployed.local(other, fpath, qpath, feeds)
    yield from deployed.outputs(other, fpath, qpath, feeds)


def as_renamed(report, fpath, qpath, data, tmp):
    other = tmp / "renamed.onnx"
    rename.renamed(qpath, other, nodes=True, order=True)
    yield from rename.compare(report, common.qdebug(fpath, other, data, "--observe", "reference",
                                                    "--keep-activations", "none"))


def one(tap, c):
    with common.scratch() as tmp:
        fpath, qpath, feeds = small.generate(c, tmp)
        data = tmp / "data"
        report = common.qdebug(fpath, qpath, data, "--observe", "reference",
                               "--keep-activations", "none")
        tap.test(f"{c.name}: as the reference says", as_reference, c, report, fpath, qpath, feeds)
        tap.test(f"{c.name}: as NumPy says", as_numpy, report, fpath, qpath, feeds, tmp)
        tap.test(f"{c.name}: accounted for", accounted, report, fpath, qpath, tmp)
        tap.test(f"{c.name}: deployed", as_deployed, report, fpath, qpath, data, feeds)
        tap.test(f"{c.name}: renamed", as_renamed, report, fpath, qpath, data, tmp)
        if c.expect:
            tap.test(f"{c.name}: what it is about", c.expect, report)


def run(tap, argument):
    logging.disable(logging.WARNING)
    for name in half(argument):
        try:
            one(tap, small.CASES[name])
        except Exception as e:      # the next cases still count
            tap.result(name, [f"{type(e).__name__}: {e}"])
