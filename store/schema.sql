-- The qdebug store, schema version 1 (PRAGMA user_version).  Documented in qdebug-store(5); people
-- query it with their own SQL, so columns are only ever added.
--
-- Raw sums are stored; metrics are views over them.  NULL means "does not apply" or "not measured";
-- non-finite tensor elements are counted in columns of their own and enter no sum.
--
-- This file is version 1 for good: comments may change, statements may not.  A later version is a step in
-- store/schema.c, run over version 1 for new files too, so that there is one way to every version.

CREATE TABLE model (
  id        INTEGER PRIMARY KEY,
  role      TEXT NOT NULL,               -- float | quant
  path      TEXT NOT NULL,               -- as the user gave it, made absolute
  sha256    TEXT NOT NULL,               -- file bytes, then each external file in order of first reference
  size      INTEGER NOT NULL,
  mtime_ns  INTEGER NOT NULL,
  stamps    TEXT NOT NULL DEFAULT '',    -- name size mtime lines of external files, for the unchanged check
  opset     INTEGER NOT NULL,
  n_nodes   INTEGER NOT NULL,
  format    TEXT NOT NULL                -- qdq | qoperator | dynamic | weight_only | mixed | none
);

CREATE TABLE node (
  id        INTEGER PRIMARY KEY,
  model_id  INTEGER NOT NULL REFERENCES model(id),
  idx       INTEGER NOT NULL,            -- position in the file
  name      TEXT NOT NULL,               -- the file's, or <op>_<idx> where it has none
  op        TEXT NOT NULL,
  domain    TEXT NOT NULL DEFAULT ''
);
CREATE INDEX node_by_model ON node(model_id, idx);

CREATE TABLE tensor (
  id        INTEGER PRIMARY KEY,
  model_id  INTEGER NOT NULL REFERENCES model(id),
  pos       INTEGER NOT NULL,            -- topological position
  name      TEXT NOT NULL,               -- subgraph values: node/then_branch/name
  kind      TEXT NOT NULL,               -- input | activation | weight | bias | output
  dtype     TEXT NOT NULL,
  shape     TEXT NOT NULL,               -- "[1, 3, ?, ?]"
  node_idx  INTEGER                      -- producer
);
CREATE INDEX tensor_by_model ON tensor(model_id, pos);

CREATE TABLE dataset (
  id        INTEGER PRIMARY KEY,
  path      TEXT NOT NULL,
  options   TEXT NOT NULL,               -- JSON: batch, samples, random, ...
  stamp     TEXT NOT NULL,               -- hash over name, size, mtime of each file
  sha256    TEXT,                        -- over lines "name size sha256", once known
  n         INTEGER NOT NULL
);

CREATE TABLE sample (
  dataset_id INTEGER NOT NULL REFERENCES dataset(id),
  idx        INTEGER NOT NULL,
  name       TEXT NOT NULL,
  sha256     TEXT,
  PRIMARY KEY (dataset_id, idx)
) WITHOUT ROWID;

CREATE TABLE run (
  id           INTEGER PRIMARY KEY,
  parent_id    INTEGER REFERENCES run(id),
  float_id     INTEGER NOT NULL REFERENCES model(id),
  quant_id     INTEGER NOT NULL REFERENCES model(id),
  dataset_id   INTEGER NOT NULL REFERENCES dataset(id),
  recipe       TEXT,                     -- JSON; NULL for a quantized model qdebug did not make
  options      TEXT NOT NULL,            -- JSON of what can change a number: the cache key
  observer     TEXT NOT NULL,            -- deployed | reference
  engine       TEXT NOT NULL,            -- ONNX Runtime's version
  cpu          TEXT NOT NULL,            -- CPU features, space separated
  status       TEXT NOT NULL,            -- running | done | failed | interrupted
  message      TEXT,                     -- why failed
  owner_pid    INTEGER,                  -- of a running run
  owner_start  INTEGER,                  -- that process's start time (Linux: clock ticks since boot)
  samples      INTEGER NOT NULL,         -- to do
  samples_done INTEGER NOT NULL DEFAULT 0,
  samples_bad  INTEGER NOT NULL DEFAULT 0,   -- skipped by --skip-bad
  started_at   TEXT NOT NULL,            -- UTC, ISO 8601
  seconds      REAL NOT NULL DEFAULT 0,
  peak_rss     INTEGER NOT NULL DEFAULT 0
);

-- One row per (float tensor, quantized tensor); either side NULL in unmatched rows.
CREATE TABLE pair (
  id           INTEGER PRIMARY KEY,
  run_id       INTEGER NOT NULL REFERENCES run(id),
  kind         TEXT NOT NULL,            -- activation | weight | output | unmatched
  pos          INTEGER NOT NULL,         -- topological position of the float tensor
  qpos         INTEGER NOT NULL DEFAULT 0,   -- position of the quantizer; orders rows of one float tensor
  tensor       TEXT,                     -- float model's name
  quant_tensor TEXT,                     -- quantized model's name
  side         TEXT,                     -- unmatched: float | quant
  node         TEXT,                     -- producer of an activation, first consumer of a weight, culprit of an unmatched one
  op           TEXT,
  matched_by   TEXT,                     -- structure | content | name | map
  reason       TEXT,                     -- unmatched: fused folded clamp_removed not_materialised dead shape_constant dtype no_counterpart
  detail       TEXT,
  observed     TEXT,                     -- deployed | reference: whose numbers the row holds
  derived_from TEXT,                     -- JSON array of float names (folded weights)
  qtype        TEXT,                     -- int8, uint8, …; NULL for a float tensor on both sides
  axis         INTEGER,
  block_size   INTEGER,
  scale        TEXT,                     -- JSON number or array
  zero_point   TEXT,                     -- JSON number or array
  scale0       REAL,                     -- the scale (per-tensor) or the largest one; for sorting and RMSE/scale
  zero0        INTEGER,
  qmin         INTEGER,
  qmax         INTEGER,
  channel_axis INTEGER,                  -- of the channel sums
  shape        TEXT
);
CREATE INDEX pair_by_run ON pair(run_id, kind, pos);

-- Sums of design.md 5 for 64 consecutive samples (block 0 of a weight: the weight itself).
CREATE TABLE pair_block (
  pair_id    INTEGER NOT NULL REFERENCES pair(id),
  block      INTEGER NOT NULL,
  n_samples  INTEGER NOT NULL,
  n          INTEGER NOT NULL,           -- elements in the sums
  sum_x2     REAL NOT NULL,
  sum_e2     REAL NOT NULL,
  sum_abs_e  REAL NOT NULL,
  sum_y2     REAL NOT NULL,
  max_abs_e  REAL NOT NULL,
  max_at     INTEGER NOT NULL,           -- flat index inside the sample below; 0 without elements
  max_sample INTEGER NOT NULL,
  min_x      REAL, max_x REAL, min_y REAL, max_y REAL,
  bad_x      INTEGER NOT NULL,           -- non-finite elements
  bad_y      INTEGER NOT NULL,
  n_local    INTEGER NOT NULL,           -- 0: no local statistics
  sum_round2 REAL NOT NULL,              -- local error energy of elements not clipped
  sum_clip2  REAL NOT NULL,              -- ... of clipped ones
  n_clipped  INTEGER NOT NULL,
  n_pre      INTEGER NOT NULL,           -- 0: no pre-quantizer value observed
  sum_pre2   REAL NOT NULL,
  sum_pre_e2 REAL NOT NULL,
  n_argmax   INTEGER NOT NULL,           -- outputs: rows compared by argmax
  n_argmax_equal INTEGER NOT NULL,
  n_equal    INTEGER,                    -- integer outputs: equal elements (of n); else NULL
  scale_min  REAL, scale_max REAL,       -- of the quantizer, over samples and channels
  zero_min   INTEGER, zero_max INTEGER,
  worst_sample INTEGER,                  -- lowest SQNR in the block
  worst_ratio  REAL,                     -- its sum_e2 / sum_x2, Inf for an error without signal
  per_sample BLOB NOT NULL,              -- see below
  PRIMARY KEY (pair_id, block)           -- a rowid table: rows arrive block by block and append
);
-- per_sample: n_samples records of 36 bytes, little-endian (none for a weight):
--   f64 sum_x2, f64 sum_e2, f32 max_abs_e, f32 scale (0: none), i32 zero_point, u32 bad_x, u32 bad_y

-- The same sums folded over all blocks in order, kept current by the writer so that views need no scan.
CREATE TABLE pair_total (
  pair_id    INTEGER PRIMARY KEY REFERENCES pair(id),
  n_samples  INTEGER NOT NULL, n INTEGER NOT NULL,
  sum_x2     REAL NOT NULL, sum_e2 REAL NOT NULL, sum_abs_e REAL NOT NULL, sum_y2 REAL NOT NULL,
  max_abs_e  REAL NOT NULL, max_at INTEGER NOT NULL, max_sample INTEGER NOT NULL,
  min_x      REAL, max_x REAL, min_y REAL, max_y REAL,
  bad_x      INTEGER NOT NULL, bad_y INTEGER NOT NULL,
  n_local    INTEGER NOT NULL, sum_round2 REAL NOT NULL, sum_clip2 REAL NOT NULL, n_clipped INTEGER NOT NULL,
  n_pre      INTEGER NOT NULL, sum_pre2 REAL NOT NULL, sum_pre_e2 REAL NOT NULL,
  n_argmax   INTEGER NOT NULL, n_argmax_equal INTEGER NOT NULL, n_equal INTEGER,
  scale_min  REAL, scale_max REAL, zero_min INTEGER, zero_max INTEGER,
  worst_sample INTEGER, worst_ratio REAL,
  codes_used INTEGER,                    -- distinct codes of the local quantization, 8 bits and below
  worst_channel INTEGER, worst_channel_sqnr REAL,     -- dB
  hist16     TEXT                        -- 16 hex digits, histogram of x in 16 bins over min..max, 0..15 by height (for lists)
);

-- One BLOB per pair and kind, folded in sample order, written with the blocks it covers.
CREATE TABLE pooled (
  pair_id      INTEGER NOT NULL REFERENCES pair(id),
  kind         TEXT NOT NULL,            -- hist | codes | channels
  samples_done INTEGER NOT NULL,
  data         BLOB NOT NULL,
  PRIMARY KEY (pair_id, kind)
);
-- hist:     i32 exponent e (bin width 2^e), i32 first bin, u32 n bins, u32 0, then n u64 counts; bin b covers
--           [b*2^e, (b+1)*2^e).  Counted: samples 0 to 15 and every 8th, and of
--           those with more than 4096 elements every 8th block of 1024.
-- codes:    32 bytes, bit c-qmin set when code c was seen
-- channels: u32 n channels, u32 0, then n f64 sum_x2, then n f64 sum_e2

CREATE TABLE activation (
  id      INTEGER PRIMARY KEY,
  run_id  INTEGER NOT NULL REFERENCES run(id),
  side    TEXT NOT NULL,                 -- float | quant
  tensor  TEXT NOT NULL,
  sample  INTEGER NOT NULL,
  dtype   TEXT NOT NULL,
  shape   TEXT NOT NULL,                 -- JSON array
  bytes   INTEGER NOT NULL,
  UNIQUE (run_id, side, tensor, sample)
);

CREATE TABLE activation_chunk (
  activation_id INTEGER NOT NULL REFERENCES activation(id),
  seq           INTEGER NOT NULL,
  data          BLOB NOT NULL,           -- at most 1 MiB
  PRIMARY KEY (activation_id, seq)
);

-- What calibration saw of a float model's tensors, so that a calibrator is switched without data.
CREATE TABLE calibration (
  id         INTEGER PRIMARY KEY,
  float_id   INTEGER NOT NULL REFERENCES model(id),
  dataset_id INTEGER NOT NULL REFERENCES dataset(id),
  engine     TEXT NOT NULL,
  cpu        TEXT NOT NULL,
  complete   INTEGER NOT NULL,           -- 1 once all its tensors are there
  UNIQUE (float_id, dataset_id, engine, cpu)
);

CREATE TABLE tensor_watch (
  calibration_id INTEGER NOT NULL REFERENCES calibration(id),
  tensor         TEXT NOT NULL,
  data           BLOB NOT NULL,          -- extremes and two histograms, see qdebug-store(5)
  PRIMARY KEY (calibration_id, tensor)
);

-- Sensitivity results (later) and the undo journal.
CREATE TABLE score (
  run_id INTEGER NOT NULL REFERENCES run(id),
  mode   TEXT NOT NULL,
  node   TEXT NOT NULL,
  output TEXT NOT NULL,
  sum_x2 REAL NOT NULL,
  sum_e2 REAL NOT NULL,
  PRIMARY KEY (run_id, mode, node, output)
) WITHOUT ROWID;

CREATE TABLE edit (
  id     INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES run(id),
  undone INTEGER NOT NULL DEFAULT 0,     -- 0 in force | 1 undone, redo brings it back | 2 undone for good
  action TEXT NOT NULL,                  -- tag | untag | exclude | include | ...
  target TEXT NOT NULL,
  value  TEXT,
  at     TEXT NOT NULL                   -- UTC, ISO 8601
);
CREATE INDEX edit_by_target ON edit(run_id, target);

-- Metrics.  SQNR: 10 log10(sum x^2 / sum e^2) in dB, pooled over samples; NULL when the error is zero (exact) or
-- the signal is (zero_signal).  bucket orders rows: 0 zero_signal, 1 numbers, 2 exact, 3 nothing measured.
-- 2 sum xy = sum x^2 + sum y^2 - sum e^2.  Flags are 0, 1 or NULL.
CREATE VIEW v_activation AS
SELECT p.*, t.n_samples, t.n, t.bad_x AS nonfinite_float, t.bad_y AS nonfinite_quant,
  CASE WHEN t.sum_e2 > 0 AND t.sum_x2 > 0 THEN 10 * log10(t.sum_x2 / t.sum_e2) END AS xmodel_sqnr_db,
  CASE WHEN t.n > 0 THEN t.sum_e2 = 0 END AS exact,
  CASE WHEN t.n > 0 THEN t.sum_x2 = 0 AND t.sum_e2 > 0 END AS zero_signal,
  CASE WHEN t.n_local > 0 AND t.sum_round2 + t.sum_clip2 > 0 AND t.sum_x2 > 0
       THEN 10 * log10(t.sum_x2 / (t.sum_round2 + t.sum_clip2)) END AS local_sqnr_db,
  CASE WHEN t.n_pre > 0 AND t.sum_pre_e2 > 0 AND t.sum_pre2 > 0
       THEN 10 * log10(t.sum_pre2 / t.sum_pre_e2) END AS qdq_sqnr_db,
  CASE WHEN t.sum_x2 > 0 AND t.sum_e2 = 0 THEN 1.0 WHEN t.sum_x2 > 0 AND t.sum_y2 > 0
       THEN max(-1.0, min(1.0, (t.sum_x2 + t.sum_y2 - t.sum_e2) / 2 / sqrt(t.sum_x2) / sqrt(t.sum_y2))) END AS cosine,
  CASE WHEN t.n > 0 THEN t.sum_e2 / t.n END AS mse,
  CASE WHEN t.n > 0 THEN t.max_abs_e END AS max_abs_err,
  CASE WHEN t.n_local > 0 AND p.scale0 > 0
       THEN sqrt((t.sum_round2 + t.sum_clip2) / t.n_local) / p.scale0 END AS rmse_over_scale,
  t.min_x AS float_min, t.max_x AS float_max, t.min_y AS quant_min, t.max_y AS quant_max,
  t.scale_min, t.scale_max, t.zero_min AS zero_point_min, t.zero_max AS zero_point_max,
  CASE WHEN t.n_local > 0 THEN 1.0 * t.n_clipped / t.n_local END AS clipped_fraction,
  t.codes_used,
  CASE WHEN p.qmax - p.qmin < 256 THEN p.qmax - p.qmin + 1 END AS codes_available,
  t.worst_sample, t.worst_channel, t.worst_channel_sqnr AS worst_channel_sqnr_db, t.hist16,
  t.max_at, t.max_sample,
  CASE WHEN t.n IS NULL OR t.n = 0 THEN 3 WHEN t.sum_x2 = 0 AND t.sum_e2 > 0 THEN 0
       WHEN t.sum_e2 = 0 THEN 2 ELSE 1 END AS bucket
FROM pair p LEFT JOIN pair_total t ON t.pair_id = p.id
WHERE p.kind = 'activation';

CREATE VIEW v_output AS
SELECT p.*, t.n_samples, t.n, t.bad_x AS nonfinite_float, t.bad_y AS nonfinite_quant,
  CASE WHEN t.sum_e2 > 0 AND t.sum_x2 > 0 THEN 10 * log10(t.sum_x2 / t.sum_e2) END AS sqnr_db,
  CASE WHEN t.n > 0 THEN t.sum_e2 = 0 END AS exact,
  CASE WHEN t.n > 0 THEN t.sum_x2 = 0 AND t.sum_e2 > 0 END AS zero_signal,
  CASE WHEN t.sum_x2 > 0 AND t.sum_e2 = 0 THEN 1.0 WHEN t.sum_x2 > 0 AND t.sum_y2 > 0
       THEN max(-1.0, min(1.0, (t.sum_x2 + t.sum_y2 - t.sum_e2) / 2 / sqrt(t.sum_x2) / sqrt(t.sum_y2))) END AS cosine,
  CASE WHEN t.n > 0 THEN t.sum_e2 / t.n END AS mse,
  CASE WHEN t.n > 0 THEN t.max_abs_e END AS max_abs_err,
  t.min_x AS float_min, t.max_x AS float_max, t.min_y AS quant_min, t.max_y AS quant_max,
  CASE WHEN t.n_argmax > 0 THEN 1.0 * t.n_argmax_equal / t.n_argmax END AS argmax_agreement,
  CASE WHEN t.n > 0 THEN 1.0 * t.n_equal / t.n END AS agreement,
  t.worst_sample, t.hist16, t.max_at, t.max_sample,
  CASE WHEN t.n IS NULL OR t.n = 0 THEN 3 WHEN t.sum_x2 = 0 AND t.sum_e2 > 0 THEN 0
       WHEN t.sum_e2 = 0 THEN 2 ELSE 1 END AS bucket
FROM pair p LEFT JOIN pair_total t ON t.pair_id = p.id
WHERE p.kind = 'output';

CREATE VIEW v_weight AS
SELECT p.*, t.n,
  CASE WHEN t.sum_e2 > 0 AND t.sum_x2 > 0 THEN 10 * log10(t.sum_x2 / t.sum_e2) END AS sqnr_db,
  CASE WHEN t.n > 0 THEN t.sum_e2 = 0 END AS exact,
  CASE WHEN t.n > 0 THEN t.sum_x2 = 0 AND t.sum_e2 > 0 END AS zero_signal,
  CASE WHEN t.n > 0 THEN t.sum_e2 / t.n END AS mse,
  CASE WHEN t.n > 0 THEN t.max_abs_e END AS max_abs_err,
  t.min_x AS float_min, t.max_x AS float_max, t.min_y AS quant_min, t.max_y AS quant_max,
  t.codes_used,
  CASE WHEN p.qmax - p.qmin < 256 THEN p.qmax - p.qmin + 1 END AS codes_available,
  t.worst_channel, t.worst_channel_sqnr AS worst_channel_sqnr_db, t.hist16, t.max_at,
  t.bad_x AS nonfinite_float, t.bad_y AS nonfinite_quant,
  CASE WHEN t.n IS NULL OR t.n = 0 THEN 3 WHEN t.sum_x2 = 0 AND t.sum_e2 > 0 THEN 0
       WHEN t.sum_e2 = 0 THEN 2 ELSE 1 END AS bucket
FROM pair p LEFT JOIN pair_total t ON t.pair_id = p.id
WHERE p.kind = 'weight';

CREATE VIEW v_unmatched AS
SELECT id, run_id, pos, qpos, coalesce(tensor, quant_tensor) AS tensor, side, reason, detail, node, op, shape
FROM pair WHERE kind = 'unmatched';

-- One line per run: names instead of ids, SQNR of its first output.  (No JSON functions in views: SQLite takes
-- them for unsafe in a schema that is not trusted.)
CREATE VIEW v_run AS
SELECT r.*, f.path AS float_path, q.path AS quant_path, q.format AS quant_format, d.path AS data_path,
  (SELECT o.sqnr_db FROM v_output o WHERE o.run_id = r.id ORDER BY o.pos, o.tensor, o.id LIMIT 1) AS sqnr_db
FROM run r LEFT JOIN model f ON f.id = r.float_id LEFT JOIN model q ON q.id = r.quant_id
LEFT JOIN dataset d ON d.id = r.dataset_id;

CREATE VIEW v_score AS
SELECT s.*, CASE WHEN s.sum_e2 > 0 AND s.sum_x2 > 0 THEN 10 * log10(s.sum_x2 / s.sum_e2) END AS sqnr_db,
  s.sum_e2 = 0 AS exact
FROM score s;
