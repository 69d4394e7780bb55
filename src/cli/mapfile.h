/* cli/mapfile.h - the file of --map: pairs of tensor names. */
#ifndef CLI_MAPFILE_H
#define CLI_MAPFILE_H

#include <stddef.h>

#include "base/err.h"

struct mapfile {
	const char **names;     /* 2 * n: float, quantized, float, … ; into text */
	size_t n, cap;
	char *text;
};

/* A line: float name, a tab, quantized name; or blanks between them when neither holds any. Blank lines and lines
 * that begin with # are skipped. QD_EINPUT names file and line. Release in any case. */
QD_NODISCARD int mapfile_read(const char *path, struct mapfile *out, struct qd_err *err);
void mapfile_release(struct mapfile *m);

#endif
