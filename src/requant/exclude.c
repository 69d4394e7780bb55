/* Exclusion files. */
#include "requant/exclude.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/sha.h"

enum { MAX_FILE = 64 << 20 };

static void note_hash(const char *comment, char sha256[65])
{
	const char *at = strstr(comment, "sha256 ");
	size_t i;

	if (!at || *sha256)
		return;
	at += strlen("sha256 ");
	for (i = 0; i < 64 && isxdigit((unsigned char)at[i]); i++)
		sha256[i] = at[i];
	sha256[i == 64 ? 64 : 0] = 0;
}

int exclude_load(struct recipe *r, const char *path, char sha256[65], struct qd_err *err)
{
	char *text, *line, *next, hash[65] = "";
	size_t n;
	int rc = fs_read_all(path, MAX_FILE, &text, &n, err), number = 0;

	if (rc)
		return rc;
	if (strlen(text) != n)
		rc = err_set(err, QD_EINPUT, "%s: holds a zero byte, so it is no list of node names", path);
	line = !strncmp(text, "\xEF\xBB\xBF", 3) ? text + 3 : text;
	for (; !rc && *line; line = next) {
		size_t len = strcspn(line, "\n");

		number++;
		next = line + len + (line[len] == '\n');
		line[len] = 0;
		if (len && line[len - 1] == '\r')
			line[len - 1] = 0;
		if (*line == '#')
			note_hash(line, hash);
		if (!*line || *line == '#')
			continue;
		if (line[0] == '\\' && (line[1] == '#' || line[1] == '\\'))
			line++;
		if (!recipe_has_name(&r->nodes_to_exclude, line) &&
		    !recipe_add_name(r, &r->nodes_to_exclude, line))
			rc = err_oom(err, path);
	}
	if (sha256)
		memcpy(sha256, hash, sizeof(hash));
	free(text);
	return rc;
}

int exclude_write(const char *const *names, size_t n, const char *model, const char *sha256, struct str *out,
		  struct qd_err *err)
{
	size_t i;

	if (model) {
		str_add(out, "# nodes to exclude from quantization of ");
		str_add_escaped(out, model);
		str_addc(out, '\n');
	}
	if (sha256)
		str_addf(out, "# sha256 %s\n", sha256);
	for (i = 0; i < n; i++) {
		if (strpbrk(names[i], "\r\n")) {
			struct str shown = STR_INIT;
			int rc;

			str_add_escaped(&shown, names[i]);
			rc = err_set(err, QD_EINPUT, "node \"%.200s\" has a line break in its name and cannot stand in an "
				     "exclusion file; rename it", shown.p ? shown.p : "?");
			str_release(&shown);
			return rc;
		}
		if (names[i][0] == '#' || names[i][0] == '\\')
			str_addc(out, '\\');
		str_add(out, names[i]);
		str_addc(out, '\n');
	}
	return out->failed ? err_oom(err, "an exclusion file") : 0;
}
