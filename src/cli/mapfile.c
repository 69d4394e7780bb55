/* Reading --map. */
#include "cli/mapfile.h"

#include <string.h>

#include "base/fs.h"
#include "base/mem.h"

enum { MAP_MAX = 64 << 20 };    /* bytes */

/* Split a line in place; false when it is not two names. */
static bool split(char *line, const char **a, const char **b)
{
	const char *gaps = strchr(line, '\t') ? "\t" : " ";
	char *second;
	size_t n;

	line += strspn(line, gaps);
	n = strcspn(line, gaps);
	second = line + n;
	if (!n || !*second)
		return false;
	*second++ = '\0';
	second += strspn(second, gaps);
	n = strcspn(second, gaps);
	if (!n || second[n + strspn(second + n, gaps)])
		return false;
	second[n] = '\0';
	*a = line;
	*b = second;
	return true;
}

static int add_line(struct mapfile *m, const char *path, int number, char *line, struct qd_err *err)
{
	size_t n = strlen(line);

	while (n && (line[n - 1] == '\r' || line[n - 1] == ' ' || line[n - 1] == '\t'))
		line[--n] = '\0';
	if (!n || line[0] == '#')
		return 0;
	if (!mem_grow(&m->names, &m->cap, 2 * m->n + 2, sizeof(*m->names)))
		return err_oom(err, path);
	if (!split(line, &m->names[2 * m->n], &m->names[2 * m->n + 1]))
		return err_set(err, QD_EINPUT, "%s: line %d is not two names, \"FLOAT QUANT\", with a tab between them "
			       "if they hold blanks", path, number);
	m->n++;
	return 0;
}

int mapfile_read(const char *path, struct mapfile *out, struct qd_err *err)
{
	size_t size = 0;
	char *line;
	int number = 1, rc;

	*out = (struct mapfile){ 0 };
	rc = fs_read_all(path, MAP_MAX, &out->text, &size, err);
	if (rc)
		return rc;
	if (strlen(out->text) != size)
		return err_set(err, QD_EINPUT, "%s: holds zero bytes, a list of names is wanted", path);
	for (line = out->text; !rc && line; number++) {
		char *end = strchr(line, '\n');

		if (end)
			*end = '\0';
		rc = add_line(out, path, number, line, err);
		line = end ? end + 1 : NULL;
	}
	return rc;
}

void mapfile_release(struct mapfile *m)
{
	free(m->names);
	free(m->text);
	*m = (struct mapfile){ 0 };
}
