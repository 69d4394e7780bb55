/* The tables of views and columns.  Names on the left are the store's (store/schema.sql). */
#include "vm/views.h"

#include <stddef.h>
#include <string.h>

#include "base/str.h"
#include "vm/action.h"

#define N(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* columns of v_activation that no list shows but the page, filters and :rows do */
#define ACTIVATION_REST \
	{ "cosine", "cos", "cosine", VM_K_NUM, 9, 10 }, \
	{ "rmse_over_scale", "rmse", "rmse/s", VM_K_NUM, 9, 12 }, \
	{ "max_abs_err", "max", "max |e|", VM_K_NUM, 9, 13 }, \
	{ "mse", "mse", "mse", VM_K_NUM, 9, 0 }, \
	{ "quant_tensor", "quant", "quantized tensor", VM_K_NAME, 12, 0 }, \
	{ "matched_by", "by", "matched by", VM_K_TEXT, 10, 0 }, \
	{ "observed", "observed", "observed", VM_K_TEXT, 10, 0 }, \
	{ "qtype", "type", "type", VM_K_TEXT, 6, 0 }, \
	{ "axis", "axis", "axis", VM_K_INT, 5, 0 }, \
	{ "scale", "scale", "scale", VM_K_TEXT, 9, 0 }, \
	{ "zero_point", "zp", "zero point", VM_K_TEXT, 5, 0 }, \
	{ "qmin", "qmin", "qmin", VM_K_INT, 5, 0 }, \
	{ "qmax", "qmax", "qmax", VM_K_INT, 5, 0 }, \
	{ "codes_available", "available", "codes available", VM_K_INT, 5, 0 }, \
	{ "float_min", "fmin", "float min", VM_K_NUM, 9, 0 }, \
	{ "float_max", "fmax", "float max", VM_K_NUM, 9, 0 }, \
	{ "quant_min", "qfmin", "quantized min", VM_K_NUM, 9, 0 }, \
	{ "quant_max", "qfmax", "quantized max", VM_K_NUM, 9, 0 }, \
	{ "qdq_sqnr_db", "qdq", "qdq dB", VM_K_DB, 8, 0 }, \
	{ "exact", "exact", "exact", VM_K_FLAG, 5, 0 }, \
	{ "zero_signal", "zero", "zero signal", VM_K_FLAG, 5, 0 }, \
	{ "nonfinite_float", "badf", "non-finite, float", VM_K_INT, 5, 0 }, \
	{ "nonfinite_quant", "badq", "non-finite, quantized", VM_K_INT, 5, 0 }, \
	{ "n_samples", "samples", "samples", VM_K_INT, 6, 0 }, \
	{ "worst_sample", "worst", "worst sample", VM_K_INT, 6, 0 }, \
	{ "worst_channel", "channel", "worst channel", VM_K_INT, 6, 0 }, \
	{ "worst_channel_sqnr_db", "channeldb", "worst channel dB", VM_K_DB, 8, 0 }, \
	{ "shape", "shape", "shape", VM_K_TEXT, 12, 0 }, \
	{ "excluded", "excluded", "excluded", VM_K_FLAG, 5, 0 }

static const struct vm_column rank[] = {
	{ NULL, "#", "#", VM_K_ROWNO, 4, 9 },
	{ "tensor", "tensor", "tensor", VM_K_NAME, 16, 1 },
	{ "op", "op", "op", VM_K_TEXT, 9, 6 },
	{ "xmodel_sqnr_db", "sqnr", "SQNR dB", VM_K_DB, 8, 2 },
	{ "local_sqnr_db", "local", "local dB", VM_K_DB, 8, 3 },
	{ "clipped_fraction", "clip", "clip %", VM_K_PCT, 7, 5 },
	{ "codes_used", "codes", "codes", VM_K_INT, 5, 7 },
	{ NULL, "why", "why", VM_K_WHY, 11, 4 },
	{ "hist16", "hist", "histogram", VM_K_HIST, 9, 8 },
	{ "node", "node", "node", VM_K_NAME, 16, 11 },
	{ "pos", "pos", "position", VM_K_INT, 8, 0 },
	ACTIVATION_REST
};

static const struct vm_column layers[] = {
	{ "pos", "pos", "pos", VM_K_INT, 5, 9 },
	{ "node", "node", "node", VM_K_NAME, 12, 1 },
	{ "op", "op", "op", VM_K_TEXT, 9, 5 },
	{ "tensor", "tensor", "tensor", VM_K_NAME, 16, 8 },
	{ "xmodel_sqnr_db", "sqnr", "SQNR dB", VM_K_DB, 8, 2 },
	{ "xmodel_sqnr_db", "bar", "0 to 60 dB", VM_K_BAR, 12, 3 },
	{ "local_sqnr_db", "local", "local dB", VM_K_DB, 8, 4 },
	{ "clipped_fraction", "clip", "clip %", VM_K_PCT, 7, 6 },
	{ "codes_used", "codes", "codes", VM_K_INT, 5, 0 },
	{ NULL, "why", "why", VM_K_WHY, 11, 7 },
	{ "hist16", "hist", "histogram", VM_K_HIST, 9, 10 },
	ACTIVATION_REST
};

static const struct vm_column weights[] = {
	{ NULL, "#", "#", VM_K_ROWNO, 4, 8 },
	{ "tensor", "tensor", "tensor", VM_K_NAME, 16, 1 },
	{ "op", "op", "op", VM_K_TEXT, 9, 5 },
	{ "sqnr_db", "sqnr", "SQNR dB", VM_K_DB, 8, 2 },
	{ "worst_channel_sqnr_db", "channeldb", "worst ch. dB", VM_K_DB, 12, 3 },
	{ "worst_channel", "channel", "channel", VM_K_INT, 7, 7 },
	{ "qtype", "type", "type", VM_K_TEXT, 6, 6 },
	{ "axis", "axis", "axis", VM_K_INT, 4, 9 },
	{ "hist16", "hist", "histogram", VM_K_HIST, 9, 4 },
	{ "shape", "shape", "shape", VM_K_TEXT, 16, 10 },
	{ "node", "node", "node", VM_K_NAME, 16, 11 },
	{ "max_abs_err", "max", "max |e|", VM_K_NUM, 9, 12 },
	{ "mse", "mse", "mse", VM_K_NUM, 9, 0 },
	{ "pos", "pos", "position", VM_K_INT, 8, 0 },
	{ "quant_tensor", "quant", "quantized tensor", VM_K_NAME, 12, 0 },
	{ "matched_by", "by", "matched by", VM_K_TEXT, 10, 0 },
	{ "derived_from", "from", "derived from", VM_K_TEXT, 10, 0 },
	{ "block_size", "block", "block size", VM_K_INT, 5, 0 },
	{ "scale", "scale", "scale", VM_K_TEXT, 9, 0 },
	{ "zero_point", "zp", "zero point", VM_K_TEXT, 5, 0 },
	{ "qmin", "qmin", "qmin", VM_K_INT, 5, 0 },
	{ "qmax", "qmax", "qmax", VM_K_INT, 5, 0 },
	{ "float_min", "fmin", "float min", VM_K_NUM, 9, 0 },
	{ "float_max", "fmax", "float max", VM_K_NUM, 9, 0 },
	{ "exact", "exact", "exact", VM_K_FLAG, 5, 0 },
	{ "zero_signal", "zero", "zero signal", VM_K_FLAG, 5, 0 },
	{ "nonfinite_float", "badf", "non-finite, float", VM_K_INT, 5, 0 },
	{ "nonfinite_quant", "badq", "non-finite, quantized", VM_K_INT, 5, 0 },
};

static const struct vm_column unmatched[] = {
	{ "tensor", "tensor", "float tensor", VM_K_NAME, 14, 1 },
	{ "side", "side", "side", VM_K_TEXT, 5, 3 },
	{ "reason", "reason", "reason", VM_K_TEXT, 16, 2 },
	{ "node", "node", "node", VM_K_NAME, 16, 4 },
	{ "op", "op", "op", VM_K_TEXT, 10, 6 },
	{ "detail", "detail", "detail", VM_K_TEXT, 40, 7 },
	{ "pos", "pos", "position", VM_K_INT, 8, 0 },
};

static const struct vm_column runs[] = {
	{ "id", "run", "run", VM_K_INT, 4, 1 },
	{ "status", "status", "status", VM_K_TEXT, 11, 2 },
	{ "sqnr_db", "sqnr", "output dB", VM_K_DB, 9, 3 },
	{ "samples_done", "done", "samples", VM_K_INT, 8, 4 },
	{ "samples", "samples", "of", VM_K_INT, 7, 5 },
	{ "observer", "observer", "observer", VM_K_TEXT, 9, 7 },
	{ "parent_id", "parent", "parent", VM_K_INT, 6, 8 },
	{ "started_at", "started", "started (UTC)", VM_K_TEXT, 20, 6 },
	{ "seconds", "seconds", "seconds", VM_K_NUM, 9, 9 },
	{ "quant_path", "model", "quantized model", VM_K_NAME, 12, 2 },
	{ "float_path", "float", "float model", VM_K_NAME, 12, 0 },
	{ "calibrator", "calibrator", "calibrator", VM_K_TEXT, 10, 10 },
	{ "excluded_nodes", "excluded", "excluded", VM_K_INT, 8, 11 },
	{ "data_path", "data", "data", VM_K_NAME, 12, 0 },
	{ "engine", "engine", "engine", VM_K_TEXT, 8, 0 },
	{ "options", "options", "options", VM_K_TEXT, 8, 0 },
	{ "message", "message", "message", VM_K_TEXT, 8, 0 },
};

static const struct vm_column log_cols[] = {
	{ "at", "at", "seconds", VM_K_NUM, 9, 3 },
	{ "level", "level", "level", VM_K_TEXT, 7, 2 },
	{ "text", "text", "message", VM_K_TEXT, 20, 1 },
};

static const struct vm_column help[] = {
	{ "keys", "keys", "keys", VM_K_TEXT, 15, 1 },
	{ "command", "command", "command", VM_K_TEXT, 18, 3 },
	{ "help", "help", "what it does", VM_K_TEXT, 38, 2 },
};

static const struct vm_view views[VM_V_COUNT] = {
	[VM_V_RANK] = { "rank", "Rank", VM_T_ACTIVATION, VM_CTX_RANK, rank, N(rank), 1, 3,
		"no activation was compared yet" },
	[VM_V_WEIGHTS] = { "weights", "Weights", VM_T_WEIGHT, VM_CTX_WEIGHTS, weights, N(weights),
		1, 3, "no weight was matched" },
	[VM_V_LAYERS] = { "layers", "Layers", VM_T_LAYERS, VM_CTX_LAYERS, layers, N(layers), 1, 0,
		"no activation was compared yet" },
	[VM_V_RUNS] = { "runs", "Runs", VM_T_RUNS, VM_CTX_RUNS, runs, N(runs), 9, 0,
		"the store holds no run" },
	[VM_V_UNMATCHED] = { "unmatched", "Unmatched", VM_T_UNMATCHED, VM_CTX_UNMATCHED, unmatched,
		N(unmatched), 0, 6, "every tensor has a partner" },
	[VM_V_LOG] = { "log", "Log", VM_T_LOG, VM_CTX_LOG, log_cols, N(log_cols), 2, -1,
		"no messages" },
	[VM_V_HELP] = { "help", "Help", VM_T_HELP, VM_CTX_HELP, help, N(help), 2, -1, "" },
};

_Static_assert(sizeof(rank) / sizeof(rank[0]) <= VM_MAX_COLS, "a row must fit");
_Static_assert(sizeof(layers) / sizeof(layers[0]) <= VM_MAX_COLS, "a row must fit");
_Static_assert(sizeof(weights) / sizeof(weights[0]) <= VM_MAX_COLS, "a row must fit");

const struct vm_view *vm_view(enum vm_view_id id)
{
	return &views[id];
}

int vm_view_by_name(const char *name)
{
	size_t len = strlen(name);
	int found = -1, hits = 0;

	for (int i = 0; i < VM_V_COUNT && len; i++) {
		if (!strncmp(views[i].name, name, len)) {
			found = i;
			hits++;
		}
	}
	return hits == 1 ? found : -1;
}

int vm_view_column(const struct vm_view *v, const char *name)
{
	for (int i = 0; i < v->n_cols; i++) {
		if (!strcmp(v->cols[i].alias, name))
			return i;
	}
	for (int i = 0; i < v->n_cols; i++) {
		if (v->cols[i].key && !strcmp(v->cols[i].key, name))
			return i;
	}
	return -1;
}

const char *vm_view_nearest(const struct vm_view *v, const char *name)
{
	const char *best = NULL;
	int best_d = 4;

	for (int i = 0; i < v->n_cols; i++) {
		const char *both[2] = { v->cols[i].alias, v->cols[i].key };

		for (int k = 0; k < 2; k++) {
			int d = both[k] ? str_distance(both[k], name, 3) : best_d;

			if (d < best_d) {
				best_d = d;
				best = both[k];
			}
		}
	}
	return best;
}

bool vm_column_sortable(const struct vm_column *c)
{
	return c->key && c->kind != VM_K_HIST;
}

bool vm_column_numeric(const struct vm_column *c)
{
	return c->kind != VM_K_TEXT && c->kind != VM_K_NAME && c->kind != VM_K_HIST &&
		c->kind != VM_K_WHY;
}

bool vm_value_number(const struct vm_value *v, double *out)
{
	if (v->type == VM_INT)
		*out = (double)v->i;
	else if (v->type == VM_REAL)
		*out = v->d;
	else
		return false;
	return true;
}

static bool number_of(const struct vm_view *v, const struct vm_value *row, const char *key,
		      double *out)
{
	int c = vm_view_column(v, key);

	return c >= 0 && vm_value_number(&row[c], out);
}

const char *vm_why(const struct vm_view *v, const struct vm_value *row)
{
	double sqnr, local, clip = 0, rmse = 0, flag;

	if ((number_of(v, row, "nonfinite_float", &flag) && flag > 0) ||
	    (number_of(v, row, "nonfinite_quant", &flag) && flag > 0))
		return "non-finite";
	if (number_of(v, row, "exact", &flag) && flag > 0)
		return "exact";
	if (number_of(v, row, "zero_signal", &flag) && flag > 0)
		return "zero signal";
	if (!number_of(v, row, "xmodel_sqnr_db", &sqnr))
		return "";
	if (!number_of(v, row, "local_sqnr_db", &local)) {
		/* a quantizer without local error adds nothing; without a quantizer all of it came
		 * from above */
		return "inherited";
	}
	if (local >= sqnr + 3)
		return "inherited";
	number_of(v, row, "clipped_fraction", &clip);
	number_of(v, row, "rmse_over_scale", &rmse);
	return clip > 0 && rmse > 0.5 ? "clipping" : "rounding";
}
