/* Numbers, names and small bars as text.  Knows no screen and no store. */
#include "vm/fmt.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static int decimals3(double a)
{
	if (a >= 99.95)
		return 0;
	if (a >= 9.995)
		return 1;
	if (a >= 0.9995)
		return 2;
	if (a >= 0.09995)
		return 3;
	return a >= 0.009995 ? 4 : a >= 0.0009995 ? 5 : 6;
}

/* "1.23e-05" to "1.23e-5" */
static void trim_exponent(char *s)
{
	char *e = strchr(s, 'e');

	if (e && e[2] == '0' && e[3])
		memmove(e + 2, e + 3, strlen(e + 3) + 1);
}

char *vm_fmt_number(double v, char *buf, size_t size)
{
	double a = fabs(v);

	if (!isfinite(v))
		buf[0] = '\0';
	else if (a == 0)
		snprintf(buf, size, "0");
	else if (a < 1e-4 || a >= 1e7) {
		snprintf(buf, size, "%.2e", v);
		trim_exponent(buf);
	} else {
		snprintf(buf, size, "%.*f", decimals3(a), v);
	}
	return buf;
}

static void fixed(double v, char *buf, size_t size)
{
	int d = decimals3(fabs(v));

	snprintf(buf, size, "%.*f", d > 2 ? 2 : d, v);
	if (!strcmp(buf, "-0.00"))
		snprintf(buf, size, "0.00");
}

char *vm_fmt_db(double v, char *buf, size_t size)
{
	if (!isfinite(v))
		buf[0] = '\0';
	else
		fixed(v, buf, size);
	return buf;
}

char *vm_fmt_percent(double fraction, char *buf, size_t size)
{
	double p = fraction * 100;

	if (!isfinite(p))
		buf[0] = '\0';
	else if (p > 0 && p < 0.005)
		snprintf(buf, size, "<0.01");
	else if (p < 100 && p >= 99.95)
		snprintf(buf, size, ">99.9");
	else
		fixed(p, buf, size);
	return buf;
}

char *vm_fmt_seconds(double s, char *buf, size_t size)
{
	long n = s > 0 && s < 1e9 ? lround(s) : 0;

	if (n >= 3600)
		snprintf(buf, size, "%ld:%02ld:%02ld", n / 3600, n / 60 % 60, n % 60);
	else
		snprintf(buf, size, "%ld:%02ld", n / 60, n % 60);
	return buf;
}

char *vm_fmt_bytes(double bytes, char *buf, size_t size)
{
	static const char *const unit[] = { "B", "kB", "MB", "GB", "TB" };
	char number[VM_NUM_MAX];
	int u = 0;

	while (bytes >= 1000 && u < 4) {
		bytes /= 1000;
		u++;
	}
	snprintf(buf, size, "%s %s", u ? vm_fmt_number(bytes, number, sizeof(number)) :
		 (snprintf(number, sizeof(number), "%.0f", bytes), number), unit[u]);
	return buf;
}

int vm_fmt_int_cells(const char *number)
{
	return (int)strcspn(number, ".e");
}

/* Bytes of the longest beginning that takes at most `cells`; combining marks stay with their base.
 * */
static size_t head_bytes(const char *s, size_t len, int cells)
{
	size_t at = 0;

	while (at < len) {
		uint32_t cp;
		size_t n = utf8_next(s + at, s + len, &cp);
		int w = utf8_cp_width(cp);

		if (w > cells)
			break;
		cells -= w;
		at += n;
	}
	return at;
}

/* Offset where the longest end that takes at most `cells` starts. */
static size_t tail_offset(const char *s, size_t len, int cells)
{
	int skip = utf8_width(s) - cells;
	size_t at = 0;

	while (at < len) {
		uint32_t cp;
		size_t n = utf8_next(s + at, s + len, &cp);
		int w = utf8_cp_width(cp);

		if (skip <= 0 && w > 0)
			break;
		skip -= w;
		at += n;
	}
	return at;
}

static char *copy(char *buf, size_t size, const char *s, size_t n)
{
	/* a character cut by a small buffer is dropped whole */
	if (n >= size) {
		n = size - 1;
		while (n && ((unsigned char)s[n] & 0xC0) == 0x80)
			n--;
	}
	memcpy(buf, s, n);
	buf[n] = '\0';
	return buf;
}

char *vm_fmt_clip(const char *text, int cells, const char *ellipsis, char *buf, size_t size)
{
	size_t len = strlen(text), n, e = strlen(ellipsis);

	if (cells <= 0) {
		buf[0] = '\0';
		return buf;
	}
	if (utf8_width(text) <= cells)
		return copy(buf, size, text, len);
	n = head_bytes(text, len, cells - utf8_width(ellipsis));
	if (n + e + 1 > size)
		return copy(buf, size, text, n);
	memcpy(buf, text, n);
	memcpy(buf + n, ellipsis, e + 1);
	return buf;
}

char *vm_fmt_name(const char *text, int cells, const char *ellipsis, char *buf, size_t size)
{
	struct str s = STR_INIT, out = STR_INIT;
	const char *safe;

	str_add_escaped(&s, text);
	safe = s.p ? s.p : "";
	if (utf8_width(safe) <= cells || cells < 5) {
		vm_fmt_clip(safe, cells, ellipsis, buf, size);
	} else {
		int room = cells - utf8_width(ellipsis), head = room * 2 / 5;

		str_addn(&out, safe, head_bytes(safe, s.len, head));
		str_add(&out, ellipsis);
		str_add(&out, safe + tail_offset(safe, s.len, room - head));
		copy(buf, size, out.p ? out.p : "", out.len);
	}
	str_release(&s);
	str_release(&out);
	return buf;
}

char *vm_fmt_spark(const double *v, int n, const char *const *levels, int n_levels, char *buf,
		   size_t size)
{
	double top = 0;
	size_t at = 0;

	buf[0] = '\0';
	for (int i = 0; i < n; i++)
		top = v[i] > top ? v[i] : top;
	for (int i = 0; i < n; i++) {
		double r = top > 0 && v[i] > 0 ? v[i] / top : 0;
		int k = r > 0 ? 1 + (int)(r * (n_levels - 1) - 1e-9) : 0;
		size_t len;

		if (k >= n_levels)
			k = n_levels - 1;
		len = strlen(levels[k]);
		if (at + len + 1 > size)
			break;
		memcpy(buf + at, levels[k], len + 1);
		at += len;
	}
	return buf;
}

int vm_fmt_hist16(const char *hex, double *v, int n)
{
	static const char digits[] = "0123456789abcdef";
	int got = n > 16 ? 16 : n;

	if (!hex || strlen(hex) != 16 || strspn(hex, digits) != 16 || got < 1)
		return 0;
	for (int i = 0; i < got; i++)
		v[i] = 0;
	for (int i = 0; i < 16; i++) {
		double d = (double)(strchr(digits, hex[i]) - digits);
		int to = i * got / 16;

		v[to] = d > v[to] ? d : v[to];
	}
	return got;
}
