/* cli/export.h - file names and shapes of exported activations. */
#ifndef CLI_EXPORT_H
#define CLI_EXPORT_H

#include <stdint.h>

#include "base/str.h"
#include "tensor/tensor.h"

/* Append "float.backbone%2Fconv1.3.npy": letters, digits and _-.@ stay, every other byte becomes
 * %XX, long names end in "~" and 16 digits of their SHA-256. Sample -1 stands for a constant ("const").  Different
 * (side, tensor, sample) give different names, none of which is longer than 255 bytes or leaves its folder. */
void export_file_name(struct str *out, const char *side, const char *tensor, int64_t sample);

/* Type and shape of a stored activation into t (without data): `dtype` by name, `shape` a JSON array. False when
 * they make no tensor. */
bool export_tensor(const char *dtype, const char *shape, struct tensor *t);

#endif
