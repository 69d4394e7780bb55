/* The table of operators. Later formats add columns. */
#include "requant/registry.h"

#include <stddef.h>
#include <string.h>

/* Sorted by name. */
static const struct registry_entry table[] = {
	{ "Add",                        QDQ_ANY },
	{ "ArgMax",                     QDQ_ANY },
	{ "AveragePool",                QDQ_MOVE },
	{ "BatchNormalization",         QDQ_NORM, 1 },
	{ "Clip",                       QDQ_REMOVABLE },
	{ "Concat",                     QDQ_ANY },
	{ "Conv",                       QDQ_CONV, 0 },
	{ "ConvTranspose",              QDQ_CONV, 1 },
	{ "CumSum",                     QDQ_ANY },
	{ "EmbedLayerNormalization",    QDQ_ANY },
	{ "Flatten",                    QDQ_MOVE },
	{ "Gather",                     QDQ_GATHER },
	{ "GatherElements",             QDQ_GATHER },
	{ "Gemm",                       QDQ_GEMM, 1 },
	{ "GlobalAveragePool",          QDQ_ANY },
	{ "InstanceNormalization",      QDQ_NORM, 1 },
	{ "LayerNormalization",         QDQ_NORM, 1 },
	{ "LeakyRelu",                  QDQ_ANY },
	{ "MatMul",                     QDQ_MATMUL, 1 },
	{ "MaxPool",                    QDQ_MAXPOOL },
	{ "Mul",                        QDQ_ANY },
	{ "Pad",                        QDQ_PAD },
	{ "Relu",                       QDQ_REMOVABLE },
	{ "Reshape",                    QDQ_MOVE },
	{ "Resize",                     QDQ_RESIZE },
	{ "Sigmoid",                    QDQ_ANY },
	{ "Slice",                      QDQ_MOVE },
	{ "Softmax",                    QDQ_ANY },
	{ "Split",                      QDQ_SPLIT },
	{ "Squeeze",                    QDQ_MOVE },
	{ "TopK",                       QDQ_MOVE },
	{ "Transpose",                  QDQ_MOVE },
	{ "Unsqueeze",                  QDQ_MOVE },
	{ "Where",                      QDQ_WHERE },
};
enum { N_OPS = sizeof(table) / sizeof(table[0]) };

const struct registry_entry *registry_find(const char *op)
{
	int i;

	for (i = 0; i < N_OPS; i++) {
		if (!strcmp(table[i].op, op))
			return &table[i];
	}
	return NULL;
}

const char *registry_op(int i)
{
	return i >= 0 && i < N_OPS ? table[i].op : NULL;
}
