/* session/preprocess.h - make a float model ready for quantization: `qdebug preprocess`.
 *
 * Basic graph optimization and shape inference by ONNX Runtime itself: constants folded, Conv+BatchNormalization fused,
 * Identity removed; types and shapes of all values written into the file, symbolic dimensions kept by name; the
 * metadata key that the reference quantizer looks for. Works on any model that ONNX Runtime loads.
 */
#ifndef SESSION_PREPROCESS_H
#define SESSION_PREPROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct preprocess_opts {
	const char *input, *output;
	bool skip_optimization;         /* also for models of 2 GB and more, whether asked or not */
};

struct preprocess_report {
	size_t nodes_before, nodes_after, shapes;
	bool optimized;
};

/* Nothing is written on failure. QD_EINPUT: unusable model, or output would overwrite it. */
QD_NODISCARD int session_preprocess(const struct preprocess_opts *o, struct preprocess_report *report,
				    struct qd_err *err);

#endif
