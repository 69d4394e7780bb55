/* data/source_int.h - what the files of src/data share: the source itself, and the kinds of files.
 *
 * An entry is what samples are cut from: one .npy or .npz, or one folder of ONNX test data, whose
 * files are input_K.pb. Everything but the part under `lock` is constant once data_open() returned.
 */
#ifndef DATA_SOURCE_INT_H
#define DATA_SOURCE_INT_H

#include <pthread.h>

#include "data/source.h"

/* Type and shape of one input in one entry, as its file says. */
struct data_head {
	bool present;
	int dtype, rank;
	int64_t dims[TENSOR_MAX_RANK];
	bool whole;             /* rows cannot be read without decoding all of it */
};

/* Rows of an input that make up a sample: at most `count` from `first`; count < 0 = all there
 * are. */
struct data_rows { int64_t first, count; };

struct data_file {
	int64_t entry;
	int input;              /* K of input_K.pb, else 0 */
	struct fs_stamp stamp;
};

struct data_entry {
	char *name;             /* in the directory */
	int64_t first_sample, first_file;
	bool whole;
};

/* One kind of files. Both functions open what they need and close it again. */
struct data_kind {
	const char *what;       /* ".npz files" */
	bool numpy;
	/* Heads of all inputs (zeroed before), and the entry's files by data_add_file(). */
	int (*peek)(struct data_source *src, int64_t entry, struct data_head *heads,
		    struct qd_err *err);
	/* Tensors of all present inputs (zeroed before; the caller releases them, also on
	 * failure). */
	int (*read)(const struct data_source *src, int64_t entry, const struct data_rows *rows,
		    struct tensor *tensors, struct qd_err *err);
};

struct data_source {
	char *dir;
	struct data_input *inputs;
	int n_inputs;
	struct data_options opt;
	int64_t count;

	const struct data_kind *kind;           /* NULL: random */
	struct data_entry *entries;             /* n_entries + 1: the last one holds the ends */
	int64_t n_entries;
	struct data_file *files;
	size_t n_files, files_cap;
	bool told_rows, told_keys;              /* remarks made once a source */

	uint64_t seed;                          /* random */
	int64_t dim;

	pthread_mutex_t lock;
	char (*hashes)[SHA_HEX];                /* a file; "" = not yet taken */
	struct tensor *cached;                  /* decoded inputs of cached_entry, or NULL */
	int64_t cached_entry;
};

/* --- scan.c ---------------------------------------------------------------- */

/* Find the kind and the entries of src->dir: fills kind, entries (names only), n_entries. */
QD_NODISCARD int data_scan(struct data_source *src, struct qd_err *err);

/* "input_12.pb" gives 12; -1 for any other name. */
int data_pb_index(const char *name);

/* --- kinds.c --------------------------------------------------------------- */

extern const struct data_kind data_kind_npy, data_kind_npz, data_kind_pb;

/* Path of a file of an entry; malloc'd, NULL when out of memory. */
char *data_path(const struct data_source *src, int64_t entry, int input);
QD_NODISCARD int data_add_file(struct data_source *src, int64_t entry, int input,
			       struct fs_stamp stamp, struct qd_err *err);

/* --- check.c --------------------------------------------------------------- */

/* Compare an entry's heads with the inputs; *samples = how many it holds. */
QD_NODISCARD int data_check(struct data_source *src, int64_t entry, const struct data_head *heads,
			    int64_t *samples, struct qd_err *err);
/* Is `batch` possible with these inputs at all? */
QD_NODISCARD int data_check_batch(const struct data_source *src, struct qd_err *err);
/* Rows of an input that sample j of an entry takes. */
struct data_rows data_rows_of(const struct data_source *src, int input, int64_t j);
/* Is this tensor one that the input takes (also its first dimension)? */
bool data_fits(const struct data_input *in, const struct tensor *t);
/* Index of the first NaN or Inf, -1 when there is none. */
int64_t data_find_nonfinite(const struct tensor *t);

/* --- random.c -------------------------------------------------------------- */

QD_NODISCARD int data_random_read(const struct data_source *src, int64_t i, struct tensor *tensors,
				  struct qd_err *err);
QD_NODISCARD int data_random_hash(const struct data_source *src, char hex[SHA_HEX],
				  struct qd_err *err);

/* --- source.c -------------------------------------------------------------- */

/* A source with copied inputs and options, nothing else. */
QD_NODISCARD int data_new(const struct data_input *inputs, int n, const struct data_options *opt,
			  struct data_source **out, struct qd_err *err);

#endif
