/* qdebug/error.h - how every qdebug function reports failure.
 *
 * Functions return 0, or one of the negative codes below with *err filled with a
 * complete, printable sentence (what is wrong, where, the value seen and the value
 * wanted, and the next step where there is one).  *err is caller-owned, of fixed
 * size (reporting lack of memory needs no memory), may be NULL, and is left
 * untouched on success.
 */
#ifndef QDEBUG_ERROR_H
#define QDEBUG_ERROR_H

enum qd_code {
	QD_OK = 0,
	QD_EUSAGE = -1,    /* wrong usage: option, value, combination     exit 2 */
	QD_EINPUT = -2,    /* an unusable file: model, data, store        exit 2 */
	QD_EENGINE = -3,   /* ONNX Runtime failed or is missing           exit 3 */
	QD_EDISK = -4,     /* reading or writing failed, disk full        exit 3 */
	QD_ENOMEM = -5,    /* out of memory                               exit 3 */
	QD_ECANCEL = -6,   /* interrupted by the user                   exit 130 */
	QD_EBUG = -7,      /* a broken invariant inside qdebug            exit 3 */
};

struct qd_err {
	int code;
	char msg[1200];
};

#define QD_NODISCARD __attribute__((warn_unused_result))
#define QD_PRINTF(f, a) __attribute__((format(printf, f, a)))

#endif
