/* requant/recipe_int.h - the table of a recipe's keys, shared by reading and writing. */
#ifndef REQUANT_RECIPE_INT_H
#define REQUANT_RECIPE_INT_H

#include "requant/recipe.h"

enum recipe_kind {
	KIND_BOOL, KIND_MAYBE, KIND_NUMBER,     /* MAYBE: or null; NUMBER: or null, which is NaN */
	KIND_COUNT,                             /* an integer >= 0, or null, which is 0 */
	KIND_TYPE, KIND_FORMAT, KIND_METHOD, KIND_NAMES, KIND_AXES, KIND_OVERRIDES,
	KIND_REFUSED,                           /* only false is possible */
	KIND_UNUSED,                            /* known to the reference, without effect here */
};

struct recipe_key {
	const char *name;
	enum recipe_kind kind;
	size_t offset;          /* in struct recipe */
	bool ours;              /* the reference does not know it */
};

extern const struct recipe_key recipe_args[], recipe_extras[];
extern const int recipe_n_args, recipe_n_extras;

struct recipe_word { const char *name; int value; };
extern const struct recipe_word recipe_types[];         /* ends with NULL */
extern const struct recipe_word recipe_formats[];

static inline void *recipe_field(const struct recipe *r, const struct recipe_key *k)
{
	return (char *)(uintptr_t)r + k->offset;
}

#endif
