/* vm/app.h - the state of the interface and what keys and commands do to it.
 *
 * Knows the store (through vm/source.h) and a backend of function pointers; no terminal, no
 * threads, no clock of its own: time comes in as a number.  What only a terminal can do (write the
 * screen, suspend) is left in `want` for the caller.  One thread.
 */
#ifndef VM_APP_H
#define VM_APP_H

#include "vm/action.h"
#include "vm/detail.h"
#include "vm/list.h"

/* A snapshot of the running job. */
struct vm_progress {
	char phase[32];         /* "measuring" */
	int64_t done, total;    /* total 0: unknown */
	double rate;            /* units a second; 0 unknown */
	double eta;             /* seconds left; < 0 unknown */
	char unit[16];          /* "samples" */
	char message[160];      /* the last thing worth saying, or "" */
};

/* What the program around the interface can do. All pointers may be NULL: then it cannot. Called on
 * the UI thread; must not block. */
struct vm_backend {
	void *ctx;
	int (*start)(void *ctx, struct qd_err *err);    /* for actions that measure again */
	void (*cancel)(void *ctx);
	/* A job counts as busy from before it is queued until its last result can be read from the
	 * store. */
	bool (*busy)(void *ctx);
	void (*progress)(void *ctx, struct vm_progress *out);
};

struct vm_app_opts {
	const char *store_path;         /* borrowed */
	unsigned store_flags;           /* enum store_flags */
	int64_t run_id;                 /* 0: the newest */
	const struct vm_backend *backend;       /* borrowed, may be NULL */
	bool osc52;                     /* y may write to the terminal's clipboard */
};

enum vm_detail_mode { VM_DETAIL_OFF, VM_DETAIL_ON, VM_DETAIL_ZOOM };
enum vm_page_kind { VM_PAGE_NONE, VM_PAGE_FULL, VM_PAGE_POPUP };
enum vm_message_kind { VM_MSG_INFO, VM_MSG_WARN, VM_MSG_ERROR };

enum { VM_PROMPT_MAX = 400, VM_OUTPUTS_MAX = 8 };

/* Requests the caller clears after serving them. */
struct vm_want {
	bool redraw, suspend;
	char *screen_path;              /* malloc'd: write the screen as text here */
	char *clipboard;                /* malloc'd: text for OSC 52 */
};

struct vm_title {
	char *float_path, *quant_path, *data_path;      /* malloc'd, as stored; NULL unknown */
	int64_t samples;
	int64_t run_id;
	char status[16], observer[16];
	int64_t samples_done;
	/* outputs, worst first shown */
	int n_outputs;
	char *output_name;              /* malloc'd: the worst */
	/* INFINITY: exact; -INFINITY: zero signal; NAN: not measured */
	double output_db;
};

struct vm_app {
	struct vm_app_opts opts;
	struct store *st;
	struct vm_store_ctx store_ctx;
	int64_t data_version;
	struct vm_title title;

	struct vm_list lists[VM_V_COUNT];
	struct vm_tags tags[VM_T_COUNT];
	enum vm_view_id active, before_help;
	unsigned help_ctx;

	enum vm_detail_mode detail_mode;
	enum vm_page_kind page;
	int scroll;                     /* of the page or the zoomed detail pane, lines */
	int scroll_max;                 /* set by whoever draws it */
	int page_rows;                  /* likewise: lines on the screen */
	struct vm_detail detail;

	char prompt;                    /* '/', '?', '&', ':' or 0 */
	char input[VM_PROMPT_MAX];      /* UTF-8 */
	size_t input_len, input_at;     /* bytes; cursor */
	int completing;                 /* nth completion shown, -1 none */
	char completed_from[VM_PROMPT_MAX];
	size_t search_from;             /* position the search started at */

	char search[VM_PROMPT_MAX];     /* pattern, "" none */
	bool search_back;

	enum vm_message_kind message_kind;
	char message[600];              /* escaped; "" none */

	bool busy;                      /* a job is running, as of the last vm_app_poll() */
	struct vm_progress progress;
	double interrupted_at;          /* time of the last Ctrl-C, < 0 none */
	double next_refresh;            /* earliest time of the next re-read */
	bool stale;                     /* the store changed since the last re-read */
	long log_seen;

	struct vm_want want;
	bool quit;
};

/* Open the store and its newest run. *out is NULL on failure. Close with vm_app_close() (NULL is
 * fine). */
QD_NODISCARD int vm_app_open(const struct vm_app_opts *opts, struct vm_app **out,
			     struct qd_err *err);
void vm_app_close(struct vm_app *app);

/* A key at a time (seconds, any monotonic origin). Failures become the status message. */
void vm_app_key(struct vm_app *app, int key, double now);

/* A command as typed after ":". Returns 0 or the code whose message stands in the status line. */
int vm_app_command(struct vm_app *app, const char *text, double now);

/* Run an action without an argument. */
void vm_app_action(struct vm_app *app, int action, double now);

/* Look at backend, store and log; re-read rows when something changed, at most 10 times a second
 * and at most a tenth of the time. Returns seconds until it wants to be called again, < 0: not
 * before something happens. */
double vm_app_poll(struct vm_app *app, double now);

/* Show another run. */
QD_NODISCARD int vm_app_show_run(struct vm_app *app, int64_t run_id, struct qd_err *err);

/* The list on the screen; the row of the page or detail pane (NULL without). */
struct vm_list *vm_app_list(struct vm_app *app);
const struct vm_row *vm_app_row(struct vm_app *app);

/* Blobs of that row, loaded when they are not; NULL for rows without. */
const struct vm_detail *vm_app_detail(struct vm_app *app);

/* enum vm_ctx bit of what is on the screen. */
unsigned vm_app_ctx(const struct vm_app *app);

/* Set the status message (escaped here). */
void vm_app_say(struct vm_app *app, enum vm_message_kind kind, const char *fmt, ...) QD_PRINTF(3,
	4);

#endif
