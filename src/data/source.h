/* data/source.h - a sequence of samples to run a model on: a directory of files, or random values.
 *
 * What a directory may hold (one kind each; other files are ignored and counted in the log):
 *   *.npz              one file a sample, keys are input names, other keys are ignored
 *   *.npy              the same for models with one input
 *   FOLDER/input_K.pb  ONNX test data: one folder a sample, K = position among the inputs
 * Samples come in natural order of their files' names (page_2 before page_10). An input whose
 * first dimension is fixed to B takes k*B rows from a file, which then holds k samples; one whose
 * first dimension is symbolic takes the whole file, or with `batch` that many rows a sample, the
 * last one what is left. All inputs of a file must give the same number of samples; scalars are
 * handed to each of them.
 *
 * Opening reads every file's header and refuses the directory at the first bad one; values are
 * read, and looked at, in data_read(). Memory: names and a few numbers a file; when compressed,
 * Fortran-ordered or protobuf files hold several samples, also the decoded contents of the latest
 * one.
 *
 * The layer knows inputs as given here, not models; it never writes, and draws no conclusions
 * about preprocessing.
 */
#ifndef DATA_SOURCE_H
#define DATA_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/sha.h"
#include "tensor/tensor.h"

/* One input of the model, in graph order (initializers left out). */
struct data_input {
	const char *name;
	int dtype;              /* enum dtype */
	int rank;               /* < 0: unknown, any shape is taken */
	const int64_t *dims;    /* <= 0: symbolic */
	bool optional;          /* may be missing from a sample */
};

struct data_options {
	/* the first N samples only; 0 = all. Files after them are not opened */
	int64_t samples;
	/* rows a sample along a symbolic first dimension; 0 = whole files */
	int64_t batch;
	bool allow_nonfinite;   /* pass NaN and Inf on */
	bool skip_bad;          /* data_read() says DATA_SKIP instead of failing */
	/* data_read() also takes the SHA-256 of each file it is the first to read */
	bool hash;
	const struct cancel *cancel;    /* polled while opening and hashing; may be NULL */
};

/* One sample: a tensor an input, in input order; C order, native, aligned. A missing optional
 * input has dtype DT_UNDEFINED and no data. */
struct data_sample {
	int n;
	struct tensor *tensors;
};

/* What data_read() returns for a sample to be left out. */
enum { DATA_SKIP = 1 };

struct data_source;

/* Scan a directory. inputs are copied. *out is NULL on failure.
 * QD_EINPUT names file, input, what was seen and what is wanted: no samples, two kinds, an
 * unreadable header, a missing or misnamed input, element type, byte order, rank, dimension, rows
 * that do not divide. QD_EUSAGE: `batch` against a model whose first dimensions are fixed to
 * something else. QD_ECANCEL. */
QD_NODISCARD int data_open(const char *dir, const struct data_input *inputs, int n_inputs,
			   const struct data_options *opt, struct data_source **out,
			   struct qd_err *err);

/* `count` samples of random values, the same for the same seed and inputs on every machine:
 * floats uniform in [-1, 1), integers and booleans 0 or 1. A symbolic first dimension becomes
 * opt->batch (or 1), other symbolic ones `dim` (or 64 when 0); optional inputs are left out.
 * QD_EINPUT for types or shapes that cannot be made up. */
QD_NODISCARD int data_open_random(const struct data_input *inputs, int n_inputs, int64_t count,
				  uint64_t seed, int64_t dim, const struct data_options *opt,
				  struct data_source **out, struct qd_err *err);

void data_close(struct data_source *src);                       /* NULL is fine */

/* --- samples; from any thread ------------------------------------------- */

int64_t data_count(const struct data_source *src);
bool data_is_random(const struct data_source *src);

/* "page_3.npy"; "page_3.npy#2" for the third sample of a file that holds several; the folder of
 * ONNX test data; "random#4". Writes into buf (cut to size) and returns it. */
char *data_name(const struct data_source *src, int64_t i, char *buf, size_t size);

/* Read sample i. Release with data_sample_release(); *out is empty on failure.
 * QD_EINPUT: NaN or Inf in a float input (names file, input and arr.flat index in the file; not
 * with allow_nonfinite), damaged contents, a file that changed since it was scanned. QD_EDISK,
 * QD_ENOMEM. DATA_SKIP (1, only with skip_bad): NaN, Inf or damaged contents; *err holds the
 * message as if it had failed, *out is empty; the caller counts and goes on. A changed or
 * vanished file is an error all the same. */
QD_NODISCARD int data_read(struct data_source *src, int64_t i, struct data_sample *out,
			   struct qd_err *err);
void data_sample_release(struct data_sample *s);

/* --- files and identity -------------------------------------------------- */

/* Files in sample order (a folder's inputs in input order), those after the last sample left out.
 * */
int64_t data_file_count(const struct data_source *src);

/* File f as it was scanned: name relative to the directory ("page_3.npy", "set_0/input_1.pb")
 * into buf, stamp (may be NULL). Random sources have one, "random", whose stamp is the number of
 * samples and the seed. Returns buf. */
char *data_stamp(const struct data_source *src, int64_t f, char *buf, size_t size,
		 struct fs_stamp *stamp);

/* SHA-256 over the lines "name size sha256\n" of all files. Files that data_read() has hashed are
 * not read again; the others are, one after the other. QD_EINPUT when one changed since it was
 * scanned. Thread use: any. */
QD_NODISCARD int data_hash(struct data_source *src, char hex[SHA_HEX], struct qd_err *err);

#endif
