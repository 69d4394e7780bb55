/* observe/pass.h - one way of running both models on a sample and comparing.
 *
 * Merged: one session on both graphs, Compare nodes inside. Split (when the models cannot be merged): two sessions, the
 * matched tensors as graph outputs, compared afterwards. Both give the same numbers.
 * Thread use: pass_run() from several threads, each with its own run and slot.
 */
#ifndef OBSERVE_PASS_H
#define OBSERVE_PASS_H

#include "observe/build.h"
#include "observe/compare.h"

struct pass {
	struct engine *e;
	const struct models *m;
	struct compare *c;
	struct engine_instrument instrument;
	struct engine_session *both;            /* merged */
	struct engine_session *f, *q;           /* split */
	struct pass_source *x, *y, *pre;        /* split: where each tap's tensors come from */
	struct tap *taps;
	size_t n_taps;
	bool outputs;                           /* compare the graph outputs too */
	int *f_wanted, *q_wanted;               /* outputs to fetch: merged: all in f_wanted */
	size_t n_f_wanted, n_q_wanted;
	int *output_item;                       /* items of kind MATCH_OUTPUT */
	size_t n_outputs;
};

/* `quant` is the graph to tap: the file's, or the frozen one. taps are copied, their names borrowed. */
QD_NODISCARD int pass_open(struct engine *e, const struct models *m, struct compare *c, const struct onnx_model *quant,
			   const struct tap *taps, size_t n_taps, enum engine_level level, int threads, bool outputs,
			   struct pass *out, struct qd_err *err);
void pass_close(struct pass *p);

/* Run one sample into a slot. q_out (may be NULL) receives the quantized model's graph outputs, n_outputs of them, in
 * the order of the output items; release with pass_release_outputs(). */
QD_NODISCARD int pass_run(struct pass *p, struct engine_run *run, int slot, const struct data_sample *sample,
			  struct engine_value *q_out, struct qd_err *err);

/* --- a model on its own ------------------------------------------------------- */

/* Tensors of a sample in the order of a session's inputs: s runs the float or the quantized model (quant), with `prefix`
 * before its input names. `slot` feeds the slot input. in has room for all inputs. */
void pass_inputs(const struct engine_session *s, const struct models *m, bool quant, const char *prefix,
		 const struct data_sample *sample, const int64_t *slot, struct tensor *in);

/* Run a session of one model; out receives its first n outputs. */
QD_NODISCARD int pass_run_plain(struct engine_run *run, struct engine_session *s, const struct models *m, bool quant,
				const struct data_sample *sample, struct engine_value *out, size_t n,
				struct qd_err *err);
bool pass_outputs_equal(const struct engine_value *a, const struct engine_value *b, size_t n);
void pass_release_outputs(struct engine *e, struct engine_value *v, size_t n);

#endif
