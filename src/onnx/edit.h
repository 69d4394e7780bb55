/* onnx/edit.h - change a model in memory. New memory comes from the model's arena.
 *
 * Functions return false when out of memory (the model may then hold a part of the change; free it).
 */
#ifndef ONNX_EDIT_H
#define ONNX_EDIT_H

#include <stdbool.h>

#include "base/map.h"
#include "onnx/model.h"

/* Call once on a decoded model before anything is added to it. */
bool edit_begin(struct onnx_model *m);

/* Append; the returned object belongs to the model. NULL when out of memory. */
Onnx__NodeProto *edit_add_node(struct onnx_model *m, const char *domain, const char *op, const char *name);
bool edit_add_input_name(struct onnx_model *m, Onnx__NodeProto *n, const char *value);
bool edit_add_output_name(struct onnx_model *m, Onnx__NodeProto *n, const char *value);
bool edit_add_attr_int(struct onnx_model *m, Onnx__NodeProto *n, const char *name, int64_t v);
bool edit_remove_attr(Onnx__NodeProto *n, const char *name);     /* true when it was there */

/* A graph output of any type (the engine infers it); nothing happens when it is one already. */
bool edit_add_graph_output(struct onnx_model *m, const char *value);
/* A graph input of element type `dtype` and the given shape. */
bool edit_add_graph_input(struct onnx_model *m, const char *value, int dtype, int rank, const int64_t *dims);

/* Type and shape of a value; dims[d] < 0 is symbolic with name symbols[d] (NULL: unnamed). rank < 0: no shape. */
bool edit_add_value_info(struct onnx_model *m, const char *value, int dtype, int rank, const int64_t *dims,
			 char *const *symbols);

bool edit_set_opset(struct onnx_model *m, const char *domain, int64_t version);

/* A metadata property; call it for keys that are not there yet. */
bool edit_add_metadata(struct onnx_model *m, const char *key, const char *value);

/* Prefix every value and node name, bodies included, except names that `keep` maps; those are replaced by
 * keep_names[map value]. Value names only; the empty name stays empty. */
bool edit_prefix_names(struct onnx_model *m, const char *prefix, const struct map *keep, const char *const *keep_names);

/* Append all nodes, initializers and sparse initializers of `from` to `into` (messages are shared, so `from` must
 * outlive `into`), and `from`'s graph outputs. Inputs and opsets are not touched. */
bool edit_append_graph(struct onnx_model *into, const struct onnx_model *from);

/* Give every node of the top-level graph a name of its own (unnamed and duplicate ones get one). */
bool edit_name_nodes(struct onnx_model *m);

#endif
