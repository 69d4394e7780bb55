/* cli/quantize.h - quantizing as the command line does it: progress, ranges from and to files, reports. */
#ifndef CLI_QUANTIZE_H
#define CLI_QUANTIZE_H

#include "cli/cli.h"
#include "session/quantize.h"

/* One quantization and what is said about it. */
struct quantize_job {
	const struct cli_values *v;
	struct cancel *cancel;
	struct recipe recipe;
	struct quant_ranges ranges;             /* from --ranges or for --save-ranges; else empty */
	struct quantize_report report;
	char *output;                           /* NULL for --dry-run */
	int64_t samples;                        /* calibrated with */
};

/* Read recipe, exclusions and ranges; `float_path` is the model. Release in any case. */
QD_NODISCARD int quantize_begin(struct quantize_job *job, const struct cli_values *v, struct cancel *cancel,
				struct qd_err *err);
void quantize_release(struct quantize_job *job);

/* <stem>.int8.onnx (by activation type) beside the float model, or in the working directory when that folder is not
 * writable; malloc'd, NULL when out of memory. */
char *quantize_default_output(const char *float_path, const struct recipe *r);

/* Can a file be made there, without replacing the float model? QD_EUSAGE, QD_EDISK: now, not after an hour of
 * calibration. */
QD_NODISCARD int quantize_check_output(const char *path, const char *float_path, struct qd_err *err);

/* Calibrate and quantize to job->output with progress on standard error. */
QD_NODISCARD int quantize_run(struct quantize_job *job, struct qd_err *err);

/* quantize_report.c: what was done, as text or JSON. */
void quantize_text(const struct quantize_job *job, struct str *out);
void quantize_json(const struct quantize_job *job, struct str *out);

/* quantize_first.c: for a debugging run without a quantized model: make it, and say so on standard error. *path is
 * malloc'd. A file that this did not make is never overwritten: QD_EUSAGE. */
QD_NODISCARD int quantize_first(const struct cli_values *v, struct cancel *cancel, char **path, struct qd_err *err);

#endif
