/* vm/action.h - everything a user can do, as one table.
 *
 * The table yields the enum, the names after `:` (with completion), the default keys, the help
 * view, the hint line, the man page rows and the script commands, so that none of them can drift
 * from the others. Immutable; any thread.
 */
#ifndef VM_ACTION_H
#define VM_ACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Where an action applies (bits). */
enum vm_ctx {
	VM_CTX_RANK = 1 << 0,
	VM_CTX_WEIGHTS = 1 << 1,
	VM_CTX_LAYERS = 1 << 2,
	VM_CTX_RUNS = 1 << 3,
	VM_CTX_UNMATCHED = 1 << 4,
	VM_CTX_LOG = 1 << 5,
	VM_CTX_HELP = 1 << 6,
	VM_CTX_PAGE = 1 << 7,    /* everything about one row */
	VM_CTX_TENSORS = VM_CTX_RANK | VM_CTX_WEIGHTS | VM_CTX_LAYERS,
	VM_CTX_TABLES = VM_CTX_TENSORS | VM_CTX_RUNS | VM_CTX_UNMATCHED,
	VM_CTX_LISTS = VM_CTX_TABLES | VM_CTX_LOG | VM_CTX_HELP,
	VM_CTX_ALL = (1 << 8) - 1,
};

enum vm_action_flags {
	VM_ACT_LATER = 1 << 0,   /* reserved: the key says "not available yet" */
	VM_ACT_AFTER_SEARCH = 1 << 1,   /* its keys count only while there is a search pattern */
};

/* Columns: id, name, keys (separated by spaces), contexts, flags, hint ("" = not in the hint line),
 * argument of the `:` form, help.  Hints appear in table order.  A row that counts after a search
 * has the first claim to its key, then the first row that applies. */
#define VM_ACTIONS(X) \
	X(HELP, "help", "? <F1>", VM_CTX_ALL, 0, "help", "", "this list; Enter runs an action") \
	X(OPEN, "open", "<Enter>", VM_CTX_LISTS & ~VM_CTX_LOG, 0, "open", "", \
	  "open the row: tensor, run; in the help: run it") \
	X(BACK, "back", "<Esc> <Backspace>", VM_CTX_ALL, 0, "", "", \
	  "close a page; clear a search or a range") \
	X(TAG, "tag", "<Space>", VM_CTX_TABLES, 0, "tag", "", "tag or untag the row, move down") \
	X(EXCLUDE, "exclude", "x", VM_CTX_TENSORS | VM_CTX_PAGE, VM_ACT_LATER, "", "", \
	  "exclude or include the tagged nodes") \
	X(CALIBRATOR, "calibrator", "c", VM_CTX_TENSORS | VM_CTX_PAGE, VM_ACT_LATER, "", "[NAME]", \
	  "choose the calibrator, for all or the tagged tensors") \
	X(TYPE, "type", "t", VM_CTX_TENSORS | VM_CTX_PAGE, VM_ACT_LATER, "", "", \
	  "choose type, symmetry, per-channel") \
	X(REQUANTIZE, "requantize", "X", VM_CTX_ALL & ~VM_CTX_HELP, VM_ACT_LATER, "", "", \
	  "quantize again and measure as a new run") \
	X(FILTER, "filter", "& <F4>", VM_CTX_LISTS, 0, "filter", "[EXPR]", \
	  "limit the rows, as op=Conv & sqnr<20; empty shows all") \
	X(SEARCH, "search", "/", VM_CTX_LISTS, 0, "search", "[TEXT]", "search towards the bottom") \
	X(SEARCH_BACK, "search-back", "?", VM_CTX_LISTS, VM_ACT_AFTER_SEARCH, "", "[TEXT]", \
	  "after a search: search towards the top") \
	X(SORT_ASC, "sort-ascending", "[", VM_CTX_TABLES, 0, "", "", \
	  "sort by the column cursor, ascending") \
	X(SORT_DESC, "sort-descending", "]", VM_CTX_TABLES, 0, "sort", "", \
	  "sort by the column cursor, descending") \
	X(REVERSE, "reverse", "r", VM_CTX_TABLES, 0, "", "", "reverse the order") \
	X(SORT, "sort", "", VM_CTX_TABLES, 0, "", "COLUMN [asc|desc]", "sort by a column") \
	X(DIFF, "diff", "d", VM_CTX_TENSORS | VM_CTX_RUNS, VM_ACT_LATER, "", "[RUN]", \
	  "difference to the parent or a chosen run") \
	X(SWEEP, "sweep", "S", VM_CTX_TENSORS, VM_ACT_LATER, "", "", \
	  "isolated sweep: each node quantized alone, error at the output") \
	X(INFO, "info", "i", VM_CTX_LISTS & ~VM_CTX_HELP, 0, "info", "", \
	  "everything about the row in a box") \
	X(GRAPH, "graph", "m", VM_CTX_TENSORS | VM_CTX_PAGE, VM_ACT_LATER, "", "", \
	  "the graph around the row") \
	X(UNDO, "undo", "u", VM_CTX_ALL, VM_ACT_LATER, "", "", "undo the last change") \
	X(REDO, "redo", "C-r", VM_CTX_ALL, VM_ACT_LATER, "", "", "redo what was undone") \
	X(EXPORT, "export", "e", VM_CTX_TABLES, VM_ACT_LATER, "", "[FORMAT]", "export a list") \
	X(DETAIL, "detail", "o", VM_CTX_TABLES | VM_CTX_LOG, 0, "detail", "", \
	  "detail pane on or off") \
	X(ZOOM, "zoom", "O", VM_CTX_TABLES | VM_CTX_LOG, 0, "", "", \
	  "detail pane over the whole screen") \
	X(NEXT, "next", "n", VM_CTX_LISTS, 0, "", "", "next match") \
	X(PREVIOUS, "previous", "N", VM_CTX_LISTS, 0, "", "", "previous match") \
	X(RANGE, "range", "v", VM_CTX_TABLES, 0, "", "", "start a range; a second v tags it") \
	X(UNTAG, "untag", "U", VM_CTX_TABLES, 0, "", "", "untag all") \
	X(YANK, "yank", "y", VM_CTX_LISTS | VM_CTX_PAGE, 0, "", "", \
	  "copy the row as tab-separated text") \
	X(DOWN, "down", "j <Down>", VM_CTX_ALL, 0, "", "", "next row") \
	X(UP, "up", "k <Up>", VM_CTX_ALL, 0, "", "", "previous row") \
	X(LEFT, "left", "h <Left>", VM_CTX_LISTS, 0, "", "", "column cursor to the left") \
	X(RIGHT, "right", "l <Right>", VM_CTX_LISTS, 0, "", "", "column cursor to the right") \
	X(PAGE_DOWN, "page-down", "<PgDn> C-f", VM_CTX_ALL, 0, "", "", "a screen down") \
	X(PAGE_UP, "page-up", "<PgUp> C-b", VM_CTX_ALL, 0, "", "", "a screen up") \
	X(HALF_DOWN, "half-down", "C-d", VM_CTX_ALL, 0, "", "", "half a screen down") \
	X(HALF_UP, "half-up", "C-u", VM_CTX_ALL, 0, "", "", "half a screen up") \
	X(TOP, "top", "g <Home>", VM_CTX_ALL, 0, "", "", "first row") \
	X(BOTTOM, "bottom", "G <End>", VM_CTX_ALL, 0, "", "", "last row") \
	X(VIEW_RANK, "rank", "1", VM_CTX_ALL, 0, "", "", "activations, worst first") \
	X(VIEW_WEIGHTS, "weights", "2", VM_CTX_ALL, 0, "", "", "weights, worst first") \
	X(VIEW_LAYERS, "layers", "3", VM_CTX_ALL, 0, "", "", "activations in model order") \
	X(VIEW_RUNS, "runs", "4", VM_CTX_ALL, 0, "", "", "runs in the store; Enter shows one") \
	X(VIEW_UNMATCHED, "unmatched", "5", VM_CTX_ALL, 0, "", "", \
	  "tensors without a partner, and why") \
	X(VIEW_LOG, "log", "6", VM_CTX_ALL, 0, "", "", "messages of the engine and of qdebug") \
	X(NEXT_VIEW, "next-view", "<Tab>", VM_CTX_ALL, 0, "", "", "next view") \
	X(PREV_VIEW, "previous-view", "<S-Tab>", VM_CTX_ALL, 0, "", "", "previous view") \
	X(VIEW, "view", "", VM_CTX_ALL, 0, "", "NAME", "show a view by name") \
	X(COMMAND, "command", ":", VM_CTX_ALL, 0, "", "", "any action by name; Tab completes") \
	X(SCREEN, "screen", "", VM_CTX_ALL, 0, "", "FILE", "write what the screen shows as text") \
	X(ROWS, "rows", "", VM_CTX_ALL, 0, "", "FILE", \
	  "write all rows of the view, tab-separated") \
	X(RELOAD, "reload", "R", VM_CTX_ALL, 0, "", "", "read the store again") \
	X(REDRAW, "redraw", "C-l", VM_CTX_ALL, 0, "", "", "draw the screen again") \
	X(CANCEL, "cancel", "C-c", VM_CTX_ALL, 0, "", "", \
	  "cancel the job; a second within 2 s quits") \
	X(SUSPEND, "suspend", "C-z", VM_CTX_ALL, 0, "", "", "back to the shell; fg returns") \
	X(CLOSE, "close", "q", VM_CTX_ALL, 0, "back", "", "close a page; at the root: quit") \
	X(QUIT, "quit", "Q", VM_CTX_ALL, 0, "", "", "quit")

enum vm_action {
#define VM_ACTION_ENUM(id, name, keys, ctx, flags, hint, arg, help) VM_A_##id,
	VM_ACTIONS(VM_ACTION_ENUM)
#undef VM_ACTION_ENUM
	VM_A_COUNT,
	VM_A_NONE = -1,
};

struct vm_action_info {
	const char *name, *keys;
	unsigned ctx, flags;
	const char *hint, *arg, *help;
};

/* Row of an action (0 <= a < VM_A_COUNT). Borrowed, static. */
const struct vm_action_info *vm_action_info(int a);

/* Action of a name, or of an unambiguous beginning of one; VM_A_NONE. */
int vm_action_by_name(const char *name);

/* Action bound to a key (vm/keymap.h) in a context; `searching`: there is a search pattern.
 * VM_A_NONE. */
int vm_action_by_key(int key, unsigned ctx, bool searching);

/* The name nearest to a wrong one, for "did you mean"; NULL when nothing is near. */
const char *vm_action_nearest(const char *name);

/* Completion: the nth name (0, 1 …) that starts with `prefix`; NULL when there are no more. */
const char *vm_action_complete(const char *prefix, int nth);

/* The table as man page source (rows of .TP) and as Markdown. Return 0 or QD_EDISK when writing
 * failed. */
int vm_action_print_man(FILE *f);
int vm_action_print_markdown(FILE *f);

#endif
