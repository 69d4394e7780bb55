"""Is the JSON report on standard input as interface.md 3 says? Prints nothing when it is."""
import json
import sys

ROW = {
    "outputs": "name sqnr_db exact zero_signal cosine mse max_abs_err argmax_agreement agreement nonfinite_float "
               "nonfinite_quant",
    "activations": "tensor quant_tensor node op matched_by observed xmodel_sqnr_db local_sqnr_db qdq_sqnr_db exact "
                   "zero_signal cosine mse max_abs_err rmse_over_scale float_min float_max scale zero_point scale_min "
                   "scale_max zero_point_min zero_point_max qmin qmax clipped_fraction codes_used codes_available "
                   "isolated_sqnr_db share_inherited share_weight share_rounding share_clipping share_interaction "
                   "worst_sample nonfinite_float nonfinite_quant",
    "weights": "tensor quant_tensor node op axis block_size derived_from sqnr_db exact zero_signal mse max_abs_err "
               "worst_channel worst_channel_sqnr_db scale zero_point",
    "unmatched": "tensor side reason detail node",
}
RUN = {"": "id float quant data observer engine cpu seconds peak_rss_bytes", "float": "path sha256 opset nodes",
       "quant": "path sha256 opset nodes format", "data": "path samples sha256"}


def rank(row, key):
    if row["zero_signal"]:
        return 0, 0
    if row[key] is not None:
        return 1, row[key]
    return (2, 0) if row["exact"] else (3, 0)


def main():
    r = json.load(sys.stdin, parse_constant=lambda c: sys.exit(f"{c} is no JSON"))
    assert list(r) == ["qdebug", "schema", "run"] + list(ROW), list(r)
    assert r["schema"] == 1
    for part, keys in RUN.items():
        got = r["run"][part] if part else r["run"]
        assert list(got) == keys.split(), (part, list(got))
    assert isinstance(r["run"]["cpu"], list) and r["run"]["cpu"]
    for table, keys in ROW.items():
        for row in r[table]:
            assert list(row) == keys.split(), (table, list(row))
    for table, key in (("activations", "xmodel_sqnr_db"), ("weights", "sqnr_db")):
        ranks = [rank(row, key) for row in r[table]]
        assert ranks == sorted(ranks), table
        for row in r[table]:
            assert not (row["exact"] and row[key] is not None), row["tensor"]
    assert r["outputs"] and r["activations"], "nothing was compared"


main()
