/* SPDX-License-Identifier: ISC */
/* whole.c: is all of a content in packs? */
#include "drive/whole.h"

#include "content/stream.h"
#include "tree/node.h"

struct lookup {
	struct repo *repo;
	enum category keys;
};

static int
is_there(void *ctx, const struct digest *name, uint32_t length, struct err *e)
{
	struct lookup *l = ctx;
	struct id pack;
	uint32_t entry;

	(void)length;
	if (digest_zero(name) ||
	    chunkmap_find(
		repo_part(l->repo, l->keys)->map, name->b, &pack, &entry))
		return 0;
	return err_set(e, ERR_FILE_DAMAGED, "a part of it is in no pack");
}

int
whole_content(struct repo *repo, struct source *src, struct bytes stored,
    bool secret, struct err *e)
{
	OWN(stream_ref_free) struct stream_ref ref = { 0 };
	struct lookup l = { repo, secret ? CATEGORY_KEYCHAIN : CATEGORY_DRIVE };
	struct node_content x;

	if (node_content_parse(stored, &x, e) < 0)
		return -1;
	if (x.form == NODE_INLINE)
		return 0;
	if (!repo_has(repo, l.keys))
		return 0; /* for devices that hold its keys */
	ref.category = l.keys;
	ref.depth = x.form == NODE_TREE ? x.depth : 0;
	ref.length = x.size;
	ref.n = x.n;
	buf_put_bytes(&ref.list, x.list);
	return stream_chunks(src, &ref, is_there, &l, e);
}

bool
whole_damaged(enum err_code code)
{
	return code == ERR_FILE_DAMAGED || code == ERR_SNAPSHOT_DAMAGED ||
	    code == ERR_BLOB_MISSING || code == ERR_BLOB_CORRUPT ||
	    code == ERR_BLOB_TRUNCATED || code == ERR_RECORD_CORRUPT;
}
