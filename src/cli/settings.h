/* cli/settings.h - how to quantize, from the command line and the files it names.
 *
 * Knows the options, not what becomes of them: requant/recipe.h holds the result.
 */
#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include "cli/options.h"
#include "requant/recipe.h"

/* The defaults, then --recipe, then the other options; recipe_release() in any case. QD_EINPUT, QD_EUSAGE: a file or
 * value that is none, naming the nearest. An exclusion file that says it belongs to another model than `model` is
 * only warned about: the names are checked against the model later. */
QD_NODISCARD int settings_recipe(const struct cli_values *v, const char *model, struct recipe *r, struct qd_err *err);

/* The name of an option given that only says how to quantize, "" when none is. */
const char *settings_given(const struct cli_values *v);

#endif
