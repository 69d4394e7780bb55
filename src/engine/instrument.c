/* The Compare and Observe operators: hand ONNX Runtime's tensors to a callback, in place. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/ort.h"

enum { OP_COMPARE, OP_OBSERVE, N_OPS };

struct ort_op {
	OrtCustomOp op;                 /* first: the library calls back with this pointer */
	const char *name;
	size_t n_inputs;
	const struct ort_ops *ops;
};

struct ort_ops {
	struct ort_op op[N_OPS];
	const OrtApi *api;
	const struct engine_instrument *ins;
	OrtCustomOpDomain *domain;
};

struct kernel { const struct ort_ops *ops; int64_t id; };

enum { IN_SLOT, IN_X, IN_Y, IN_PRE, N_IN };

static const char *op_name(const OrtCustomOp *op)
{
	return ((const struct ort_op *)op)->name;
}

static const char *op_provider(const OrtCustomOp *op)
{
	(void)op;
	return NULL;                    /* CPU */
}

static ONNXTensorElementDataType op_input_type(const OrtCustomOp *op, size_t i)
{
	(void)op;
	return i == IN_SLOT ? ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 : ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

static size_t op_n_inputs(const OrtCustomOp *op)
{
	return ((const struct ort_op *)op)->n_inputs;
}

static ONNXTensorElementDataType op_output_type(const OrtCustomOp *op, size_t i)
{
	(void)op;
	(void)i;
	return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
}

static size_t op_n_outputs(const OrtCustomOp *op)
{
	(void)op;
	return 1;
}

static OrtCustomOpInputOutputCharacteristic op_input_kind(const OrtCustomOp *op, size_t i)
{
	(void)op;
	return i == IN_PRE ? INPUT_OUTPUT_OPTIONAL : INPUT_OUTPUT_REQUIRED;
}

static OrtCustomOpInputOutputCharacteristic op_output_kind(const OrtCustomOp *op, size_t i)
{
	(void)op;
	(void)i;
	return INPUT_OUTPUT_REQUIRED;
}

static OrtMemType op_memory(const OrtCustomOp *op, size_t i)
{
	(void)op;
	(void)i;
	return OrtMemTypeDefault;
}

static int op_version(const OrtCustomOp *op)
{
	(void)op;
	return 1;
}

static OrtStatusPtr kernel_new(const OrtCustomOp *op, const OrtApi *api, const OrtKernelInfo *info, void **out)
{
	struct kernel *k = mem_zalloc(sizeof(*k));
	OrtStatus *s;

	if (!k)
		return api->CreateStatus(ORT_FAIL, "out of memory");
	k->ops = ((const struct ort_op *)op)->ops;
	s = api->KernelInfoGetAttribute_int64(info, "id", &k->id);
	if (s) {
		free(k);
		return s;
	}
	*out = k;
	return NULL;
}

static void kernel_free(void *kernel)
{
	free(kernel);
}

/* View of input i; an absent optional input leaves *t empty. */
static OrtStatus *input(const OrtApi *api, OrtKernelContext *ctx, size_t i, struct tensor *t)
{
	const OrtValue *v = NULL;
	struct qd_err err;
	size_t n;
	OrtStatus *s;

	*t = (struct tensor){ 0 };
	if ((s = api->KernelContext_GetInputCount(ctx, &n)) || i >= n)
		return s;
	if ((s = api->KernelContext_GetInput(ctx, i, &v)) || !v)
		return s;
	return ort_view(api, v, t, &err) ? api->CreateStatus(ORT_FAIL, err.msg) : NULL;
}

static OrtStatusPtr kernel_compute(void *kernel, OrtKernelContext *ctx)
{
	const struct kernel *k = kernel;
	const OrtApi *api = k->ops->api;
	struct tensor in[N_IN];
	int64_t one = 1, *result;
	OrtValue *out;
	OrtStatus *s;
	size_t i;

	for (i = 0; i < N_IN; i++) {
		if ((s = input(api, ctx, i, &in[i])))
			return s;
	}
	if (k->ops->ins->fn(k->ops->ins->ctx, *(const int64_t *)in[IN_SLOT].data, k->id, &in[IN_X],
			    in[IN_Y].data ? &in[IN_Y] : NULL, in[IN_PRE].data ? &in[IN_PRE] : NULL))
		return api->CreateStatus(ORT_FAIL, "qdebug: comparing failed");
	if ((s = api->KernelContext_GetOutput(ctx, 0, &one, 1, &out)) ||
	    (s = api->GetTensorMutableData(out, (void **)&result)))
		return s;
	*result = k->id;
	return NULL;
}

static void init_op(struct ort_op *o, const struct ort_ops *ops, const char *name, size_t n_inputs)
{
	o->name = name;
	o->n_inputs = n_inputs;
	o->ops = ops;
	o->op.version = ORT_API_VERSION;
	o->op.GetName = op_name;
	o->op.GetExecutionProviderType = op_provider;
	o->op.GetInputType = op_input_type;
	o->op.GetInputTypeCount = op_n_inputs;
	o->op.GetOutputType = op_output_type;
	o->op.GetOutputTypeCount = op_n_outputs;
	o->op.GetInputCharacteristic = op_input_kind;
	o->op.GetOutputCharacteristic = op_output_kind;
	o->op.GetInputMemoryType = op_memory;
	o->op.GetStartVersion = op_version;
	o->op.GetEndVersion = op_version;
	o->op.CreateKernelV2 = kernel_new;
	o->op.KernelComputeV2 = kernel_compute;
	o->op.KernelDestroy = kernel_free;
}

int ort_ops_new(const OrtApi *api, const struct engine_instrument *ins, struct ort_ops **out, OrtCustomOpDomain **domain,
		struct qd_err *err)
{
	struct ort_ops *o = mem_zalloc(sizeof(*o));
	int i, rc;

	if (!o)
		return err_oom(err, "making an instrument");
	o->api = api;
	o->ins = ins;
	init_op(&o->op[OP_COMPARE], o, ENGINE_COMPARE, N_IN);
	init_op(&o->op[OP_OBSERVE], o, ENGINE_OBSERVE, IN_Y);
	rc = ort_fail(api, api->CreateCustomOpDomain(ENGINE_DOMAIN, &o->domain), err, "custom operators");
	for (i = 0; !rc && i < N_OPS; i++)
		rc = ort_fail(api, api->CustomOpDomain_Add(o->domain, &o->op[i].op), err, "custom operators");
	if (rc) {
		ort_ops_free(api, o);
		return rc;
	}
	*out = o;
	*domain = o->domain;
	return 0;
}

void ort_ops_free(const OrtApi *api, struct ort_ops *o)
{
	if (!o)
		return;
	if (o->domain)
		api->ReleaseCustomOpDomain(o->domain);
	free(o);
}
