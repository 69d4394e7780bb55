/* Storing activations: what both ways share. */
#include "session/keep.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/write.h"
#include "tensor/dtype.h"

enum { WORST_BUDGET = 256 << 20, COMMIT_BYTES = 32 << 20 };

int keep_put(struct keep_put *p, const char *side, const char *name, int64_t sample, const struct tensor *t,
	     struct qd_err *err)
{
	struct store_activation a = { .run_id = p->k->run_id, .side = side, .tensor = name, .sample = sample,
				      .dtype = dtype_info(t->dtype)->name, .bytes = (int64_t)t->bytes };
	struct str shape = STR_INIT;
	int64_t id;
	int d, rc;

	str_addc(&shape, '[');
	for (d = 0; d < t->rank; d++)
		str_addf(&shape, "%s%lld", d ? ", " : "", (long long)t->dims[d]);
	str_addc(&shape, ']');
	if (shape.failed) {
		str_release(&shape);
		return err_oom(err, "storing activations");
	}
	a.shape = shape.p;
	rc = store_put_activation(p->k->st, &a, t->data, &id, err);
	str_release(&shape);
	p->used += (int64_t)t->bytes;
	p->uncommitted += (int64_t)t->bytes;
	if (!rc && p->uncommitted > COMMIT_BYTES) {
		p->uncommitted = 0;
		rc = store_commit(p->k->st, err);
		if (!rc)
			rc = store_begin(p->k->st, err);
	}
	return rc;
}

int keep_put_codes(struct keep_put *p, const char *name, int64_t sample, const struct tensor *t,
		   const struct linear *code, struct qd_err *err)
{
	struct tensor value;
	int rc;

	if (!code->n)
		return keep_put(p, "quant", name, sample, t, err);
	if (!tensor_alloc(&value, DT_FLOAT, t->rank, t->dims))
		return err_oom(err, "storing activations");
	if (!linear_dequantize(code, t, value.owner))
		rc = err_set(err, QD_EBUG, "%s: codes do not fit their quantizer", name);
	else
		rc = keep_put(p, "quant", name, sample, &value, err);
	tensor_release(&value);
	return rc;
}

int keep_activations(const struct keep *k, struct qd_err *err)
{
	bool all = k->opts->keep == SESSION_KEEP_ALL;
	struct keep_put p = { .k = k };
	int rc;

	if (k->opts->keep == SESSION_KEEP_NONE)
		return 0;
	p.budget = k->opts->activation_budget ? k->opts->activation_budget : all ? INT64_MAX : WORST_BUDGET;
	rc = store_begin(k->st, err);
	if (!rc)
		rc = all ? keep_all(&p, err) : keep_worst(&p, err);
	if (!rc)
		rc = store_commit(k->st, err);
	if (rc)
		store_rollback(k->st);
	return rc;
}
