/* Loading and saving ONNX files, external data by mapping. Knows bytes and messages, not operators. */
#include "onnx/model.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "onnx/check.h"
#include "onnx/tensor_proto.h"
#include "tensor/dtype.h"

/* protobuf-c cannot say why it failed: the allocator remembers. */
struct pb_memory { struct arena *arena; bool oom; };

static void *pb_alloc(void *memory, size_t size)
{
	struct pb_memory *m = memory;
	void *p = arena_alloc(m->arena, size);

	m->oom |= !p;
	return p;
}

static void pb_free(void *memory, void *p)
{
	(void)memory;
	(void)p;        /* the arena releases everything at once */
}

/* The decoder recurses once a message: 32 levels of bodies are 96 messages, and some for what is in them. */
enum { MAX_NESTING = 128 };

static bool read_varint(const unsigned char **p, const unsigned char *end, uint64_t *v)
{
	int shift;

	*v = 0;
	for (shift = 0; shift < 64 && *p < end; shift += 7) {
		*v |= (uint64_t)(**p & 0x7F) << shift;
		if (!(*(*p)++ & 0x80))
			return true;
	}
	return false;
}

/* False when messages nest too deep. Bytes that do not decode are left to the decoder. */
static bool nesting_ok(const ProtobufCMessageDescriptor *d, const unsigned char *p, const unsigned char *end, int depth)
{
	static const int fixed[] = { [1] = 8, [5] = 4 };
	const ProtobufCFieldDescriptor *f;
	uint64_t tag, n;

	if (depth > MAX_NESTING)
		return false;
	while (p < end && read_varint(&p, end, &tag)) {
		int wire = (int)(tag & 7);

		n = wire == 1 || wire == 5 ? (uint64_t)fixed[wire] : 0;
		if ((wire == 0 || wire == 2) && !read_varint(&p, end, &n))
			return true;
		if (wire == 0)
			continue;
		if ((wire != 1 && wire != 2 && wire != 5) || n > (uint64_t)(end - p))
			return true;
		f = wire == 2 ? protobuf_c_message_descriptor_get_field(d, (unsigned)(tag >> 3)) : NULL;
		if (f && f->type == PROTOBUF_C_TYPE_MESSAGE && !nesting_ok(f->descriptor, p, p + n, depth + 1))
			return false;
		p += n;
	}
	return true;
}

void onnx_free(struct onnx_model *m)
{
	size_t i;

	if (!m)
		return;
	for (i = 0; i < m->n_ext; i++) {
		fs_map_close(&m->ext[i].map);
		free(m->ext[i].location);
		free(m->ext[i].path);
	}
	free(m->ext);
	free(m->path);
	arena_release(&m->arena);
	free(m);
}

int onnx_decode(const void *bytes, size_t n, const char *name, struct onnx_model **out, struct qd_err *err)
{
	struct onnx_model *m = mem_zalloc(sizeof(*m));
	struct pb_memory memory = { NULL, false };
	ProtobufCAllocator alloc = { pb_alloc, pb_free, &memory };
	bool flat = nesting_ok(&onnx__model_proto__descriptor, bytes, (const unsigned char *)bytes + n, 0);
	int rc = 0;

	*out = NULL;
	if (!m)
		return err_oom(err, name);
	m->path = mem_strdup(name);
	memory.arena = &m->arena;
	if (m->path && flat)
		m->proto = onnx__model_proto__unpack(&alloc, n, bytes);
	if (!m->path || memory.oom)
		rc = err_oom(err, name);
	else if (!flat)
		rc = err_set(err, QD_EINPUT, "%s: its messages nest deeper than %d; bodies may nest 32 deep", name,
			     MAX_NESTING);
	else if (!m->proto)
		rc = err_set(err, QD_EINPUT, "%s: not an ONNX model, or cut short (%zu bytes do not decode as a "
			     "ModelProto); export or copy it again", name, n);
	if (rc) {
		onnx_free(m);
		return rc;
	}
	*out = m;
	return 0;
}

/* --- external data ------------------------------------------------------- */

struct ext_ref { const char *location; uint64_t offset, length; int has_length; };

static int parse_u64(const char *text, uint64_t *out)
{
	char *end;

	if (!*text || *text < '0' || *text > '9')
		return -1;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno || *end ? -1 : 0;
}

static int ext_ref_parse(const Onnx__TensorProto *t, struct ext_ref *r)
{
	size_t i;

	*r = (struct ext_ref){ NULL, 0, 0, 0 };
	for (i = 0; i < t->n_external_data; i++) {
		const char *k = onnx_str(t->external_data[i]->key), *v = onnx_str(t->external_data[i]->value);

		if (!strcmp(k, "location"))
			r->location = v;
		else if (!strcmp(k, "offset") && parse_u64(v, &r->offset))
			return -1;
		else if (!strcmp(k, "length") && (r->has_length = 1) && parse_u64(v, &r->length))
			return -1;
	}
	return r->location && *r->location ? 0 : -1;
}

static struct onnx_file *find_file(const struct onnx_model *m, const char *location)
{
	size_t i;

	for (i = 0; i < m->n_ext; i++) {
		if (!strcmp(m->ext[i].location, location))
			return &m->ext[i];
	}
	return NULL;
}

/* The location must stay inside the model's folder, also through symbolic links. */
static int resolve_inside(const char *model_path, const char *location, char **out, struct qd_err *err)
{
	char real_dir[PATH_MAX], real_file[PATH_MAX];
	char *dir = fs_dirname(model_path), *joined = dir ? fs_join(dir, location) : NULL;
	struct str shown = STR_INIT;
	size_t n;
	int rc = 0;

	*out = NULL;
	str_add_escaped(&shown, location);
	if (!dir || !joined || !shown.p) {
		rc = err_oom(err, model_path);
	} else if (location[0] == '/' || !realpath(dir, real_dir)) {
		rc = err_set(err, QD_EINPUT, "%s: external data location \"%s\" is an absolute path; a path "
			     "relative to the model is needed", model_path, shown.p);
	} else if (!realpath(joined, real_file)) {
		rc = err_set(err, QD_EINPUT, "%s: external data file \"%s\" is missing (looked in %s); put it "
			     "beside the model", model_path, shown.p, dir);
	} else {
		n = strlen(real_dir);
		if (n == 1)
			n = 0;
		if (strncmp(real_file, real_dir, n) || real_file[n] != '/')
			rc = err_set(err, QD_EINPUT, "%s: external data location \"%s\" leads out of the model's "
				     "folder %s; only files inside it are read", model_path, shown.p, dir);
		else if (!(*out = mem_strdup(real_file)))
			rc = err_oom(err, model_path);
	}
	str_release(&shown);
	free(dir);
	free(joined);
	return rc;
}

static int map_file(struct onnx_model *m, const char *location, struct onnx_file **out, struct qd_err *err)
{
	struct onnx_file f = { 0 };
	int rc;

	*out = find_file(m, location);
	if (*out)
		return 0;
	rc = resolve_inside(m->path, location, &f.path, err);
	if (rc)
		return rc;
	rc = fs_map_open(f.path, &f.map, err);
	f.location = mem_strdup(location);
	if (!rc && (!f.location || !mem_grow(&m->ext, &m->cap_ext, m->n_ext + 1, sizeof(f))))
		rc = err_oom(err, m->path);
	if (rc) {
		fs_map_close(&f.map);
		free(f.location);
		free(f.path);
		return rc;
	}
	m->ext[m->n_ext] = f;
	*out = &m->ext[m->n_ext++];
	return 0;
}

static int map_tensor(void *ctx, const Onnx__TensorProto *t, struct qd_err *err)
{
	struct onnx_model *m = ctx;
	struct onnx_file *f;
	struct ext_ref r;
	struct tensor shape;
	int rc;

	if (!onnx_is_external(t))
		return 0;
	if (ext_ref_parse(t, &r))
		return err_set(err, QD_EINPUT, "%s: initializer %s: its external data reference is malformed (a "
			       "location and decimal offset/length are needed)", m->path, onnx_str(t->name));
	rc = map_file(m, r.location, &f, err);
	if (rc)
		return rc;
	if (!tensor_shape(&shape, t->data_type, (int)t->n_dims, t->dims))
		return err_set(err, QD_EINPUT, "%s: initializer %s: impossible shape or type", m->path,
			       onnx_str(t->name));
	if (r.offset > f->map.size || shape.bytes > f->map.size - r.offset ||
	    (r.has_length && r.length != shape.bytes))
		return err_set(err, QD_EINPUT, "%s: initializer %s needs %zu bytes at offset %llu of %s, which has "
			       "%zu; the file does not belong to this model or was cut short", m->path,
			       onnx_str(t->name), shape.bytes, (unsigned long long)r.offset, r.location, f->map.size);
	return 0;
}

const unsigned char *onnx_external_bytes(const struct onnx_model *m, const Onnx__TensorProto *t, size_t *n)
{
	const struct onnx_file *f;
	static const unsigned char nothing;     /* an empty file is not mapped */
	struct ext_ref r;
	struct tensor shape;

	if (!onnx_is_external(t) || ext_ref_parse(t, &r) || !(f = find_file(m, r.location)) ||
	    !tensor_shape(&shape, t->data_type, (int)t->n_dims, t->dims) ||
	    r.offset > f->map.size || shape.bytes > f->map.size - r.offset)
		return NULL;
	*n = shape.bytes;
	return f->map.data ? f->map.data + r.offset : &nothing;
}

int onnx_tensor(const struct onnx_model *m, const Onnx__TensorProto *t, struct tensor *out, struct qd_err *err)
{
	const unsigned char *p;
	size_t n;

	if (!onnx_is_external(t))
		return onnx_tensor_view(t, m->path, out, err);
	p = onnx_external_bytes(m, t, &n);
	if (!p || !tensor_shape(out, t->data_type, (int)t->n_dims, t->dims))
		return err_set(err, QD_EINPUT, "%s: initializer %s: external data is not available", m->path,
			       onnx_str(t->name));
	if (((uintptr_t)p & 15) == 0) {
		out->data = p;
		return 0;
	}
	out->owner = mem_alloc(n);              /* misaligned in the file */
	if (!out->owner)
		return err_oom(err, m->path);
	memcpy(out->owner, p, n);
	out->data = out->owner;
	return 0;
}

/* --- load and save ------------------------------------------------------- */

int onnx_load(const char *path, struct onnx_model **out, struct qd_err *err)
{
	struct fs_map file;
	struct onnx_model *m = NULL;
	struct sha sha;
	size_t i;
	int rc;

	*out = NULL;
	rc = fs_map_open(path, &file, err);
	if (rc)
		return rc;
	rc = onnx_decode(file.data, file.size, path, &m, err);
	if (!rc)
		rc = onnx_check(m, err);
	if (!rc)
		rc = onnx_each_tensor(m->proto, map_tensor, m, err);
	if (!rc) {
		m->stamp = file.stamp;
		sha_init(&sha);
		sha_add(&sha, file.data, file.size);
		for (i = 0; i < m->n_ext; i++)
			sha_add(&sha, m->ext[i].map.data, m->ext[i].map.size);
		sha_hex(&sha, m->sha256);
	}
	fs_map_close(&file);
	if (rc) {
		onnx_free(m);
		return rc;
	}
	*out = m;
	return 0;
}

int onnx_encode(const struct onnx_model *m, void **bytes, size_t *n, struct qd_err *err)
{
	*n = onnx__model_proto__get_packed_size(m->proto);
	if (*n >= INT_MAX)
		return err_set(err, QD_EINPUT, "%s: %zu bytes encoded; a model of 2 GB and more needs external data",
			       m->path, *n);
	*bytes = mem_alloc(*n);
	if (!*bytes)
		return err_oom(err, m->path);
	onnx__model_proto__pack(m->proto, *bytes);
	return 0;
}

int onnx_save(const struct onnx_model *m, const char *path, struct qd_err *err)
{
	struct fs_atomic a;
	void *bytes;
	size_t n;
	int rc = onnx_encode(m, &bytes, &n, err);

	if (rc)
		return rc;
	rc = fs_atomic_open(&a, path, false, err);
	if (!rc) {
		fwrite(bytes, 1, n, a.f);
		rc = fs_atomic_commit(&a, err);
	}
	free(bytes);
	return rc;
}

int onnx_copy(const struct onnx_model *m, struct onnx_model **out, struct qd_err *err)
{
	void *bytes;
	size_t n;
	int rc = onnx_encode(m, &bytes, &n, err);

	if (rc)
		return rc;
	rc = onnx_decode(bytes, n, m->path, out, err);
	free(bytes);
	return rc;
}

int onnx_shell(const struct onnx_model *m, struct onnx_model **out, struct qd_err *err)
{
	struct onnx_model *s = mem_zalloc(sizeof(*s));

	*out = NULL;
	if (!s)
		return err_oom(err, m->path);
	s->path = mem_strdup(m->path);
	s->proto = arena_alloc(&s->arena, sizeof(*s->proto));
	if (s->proto) {
		*s->proto = *m->proto;
		s->proto->graph = arena_alloc(&s->arena, sizeof(*s->proto->graph));
	}
	if (!s->path || !s->proto || !s->proto->graph) {
		onnx_free(s);
		return err_oom(err, m->path);
	}
	*s->proto->graph = *m->proto->graph;
	*out = s;
	return 0;
}

const char *onnx_domain(const char *domain)
{
	return !domain || !strcmp(domain, "ai.onnx") ? "" : domain;
}

int64_t onnx_opset(const struct onnx_model *m)
{
	size_t i;

	for (i = 0; i < m->proto->n_opset_import; i++) {
		if (!*onnx_domain(m->proto->opset_import[i]->domain))
			return m->proto->opset_import[i]->version;
	}
	return 0;
}

const char *onnx_metadata(const struct onnx_model *m, const char *key)
{
	size_t i;

	for (i = 0; i < m->proto->n_metadata_props; i++) {
		if (!strcmp(onnx_str(m->proto->metadata_props[i]->key), key))
			return onnx_str(m->proto->metadata_props[i]->value);
	}
	return NULL;
}
