/* SPDX-License-Identifier: ISC */
/* manifest_head.c: what stands before the list: what is here and what not. */
#include "disclose/manifest_in.h"

#include "base/text.h"
#include "disclose/metadata.h"
#include "wire/jsonio.h"

static const char *
level_name(const struct manifest *m)
{
	return m->holding->circle.protection == PROTECTION_STANDARD
	    ? "standard"
	    : "advanced";
}

static const char *
finding_name(enum finding f)
{
	return f == FINDING_PLAIN ? "disclosed in plain" : "ciphertext only";
}

static json_t *
category_json(const struct manifest *m, size_t i)
{
	const struct holding_zone *z = &m->holding->zones[i];
	OWN(buf_free) struct buf where = { 0 };
	json_t *j = json_object();
	bool plain = m->findings->zones[i] == FINDING_PLAIN;

	if (!plain)
		buf_put_str(&where, "ciphertext/");
	holding_zone_name(z, &where);
	jsonio_put_text(j, "category",
	    z->category != 0 ? category_name((enum category)z->category)
			     : "aside");
	jsonio_put_id(j, "zone", &z->zone);
	jsonio_put_text(j, "what", finding_name(m->findings->zones[i]));
	jsonio_put_text(j, "where", buf_text(&where));
	jsonio_put_text(j, "why",
	    plain ? "opened with keys that the escrow holds"
		  : buf_text(&m->findings->reasons[i]));
	jsonio_put_u64(j, "records", z->records);
	jsonio_put_u64(j, "record_bytes", z->record_bytes);
	jsonio_put_u64(j, "blobs", z->n_blobs);
	jsonio_put_u64(j, "blob_bytes", z->blob_bytes);
	return j;
}

static bool
stored(const struct holding *h, unsigned category)
{
	for (size_t i = 0; i < h->n_zones; i++)
		if (h->zones[i].category == category)
			return true;
	return false;
}

/* Every category there is, stored or not. */
static json_t *
categories_json(const struct manifest *m)
{
	json_t *list = json_array();

	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++) {
		if (stored(m->holding, c))
			continue;
		json_t *j = json_object();
		jsonio_put_text(j, "category", category_name((enum category)c));
		jsonio_put_text(j, "what", "nothing stored");
		(void)json_array_append_new(list, j);
	}
	for (size_t i = 0; i < m->holding->n_zones; i++)
		(void)json_array_append_new(list, category_json(m, i));
	return list;
}

static json_t *
journal_json(const struct manifest *m)
{
	const struct escrow_line *l = &m->asked->parsed;
	OWN(buf_free) struct buf hash = { 0 };
	OWN(buf_free) struct buf detail = { 0 };
	json_t *j = json_object();

	text_hex(&hash, bytes_of(m->asked->hash.b, DIGEST_BYTES));
	text_show(&detail, l->detail);
	jsonio_put_u64(j, "n", l->n);
	jsonio_put_u64(j, "account_n", l->account_n);
	metadata_put_time(j, "time", l->time_ms);
	jsonio_put_text(j, "hash", buf_text(&hash));
	jsonio_put_text(j, "detail", buf_text(&detail));
	jsonio_put_bytes(j, "line", buf_bytes(&m->asked->line));
	return j;
}

static void
put_fingerprint(const struct holding *h, struct buf *out)
{
	struct digest d;

	digest_of(bytes_of(h->escrow, SIG_PK_BYTES), &d);
	text_base64url(out, bytes_of(d.b, DIGEST_BYTES));
}

static json_t *
tables_json(void)
{
	json_t *list = json_object();

	for (size_t i = 0; i < metadata_n_tables; i++) {
		const struct metadata_table *t = &metadata_tables[i];
		json_t *j = json_object();
		if (t->where != NULL)
			jsonio_put_text(j, "where", t->where);
		if (t->but != NULL)
			jsonio_put_text(j, "left_out", t->but);
		(void)json_object_set_new(list, t->table, j);
	}
	return list;
}

/* What no table has. */
static const char *const nowhere[] = {
	"passwords, codes and recovery codes: the server never has them",
	("names of devices, files, folders, hosts and tags, but for what is in "
	 "plain below backup: the server has them as ciphertext"),
	"keys of the server and of the escrow: they are of no account",
	"requests and addresses of single calls: the server does not keep them",
};

static json_t *
head_json(const struct manifest *m)
{
	OWN(buf_free) struct buf pin = { 0 };
	const struct findings *f = m->findings;
	json_t *j = json_object(), *account = json_object(),
	       *not = json_array(), *unused = json_object();

	put_fingerprint(m->holding, &pin);
	jsonio_put_u64(j, "format", 1);
	jsonio_put_text(account, "name", m->holding->account.name);
	jsonio_put_id(account, "uid", &m->holding->account.uid);
	(void)json_object_set_new(j, "account", account);
	jsonio_put_text(j, "protection", level_name(m));
	jsonio_put_text(j, "keys",
	    m->asked->why.n == 0 ? "handed out by the escrow"
				 : buf_text(&m->asked->why));
	jsonio_put_text(j, "reference", m->reference);
	metadata_put_time(j, "time", m->time_ms);
	(void)json_object_set_new(j, "journal", journal_json(m));
	jsonio_put_text(j, "escrow", buf_text(&pin));
	(void)json_object_set_new(j, "categories", categories_json(m));
	(void)json_object_set(j, "secrets_closed", f->closed);
	(void)json_object_set(j, "not_opened", f->failed);
	jsonio_put_u64(unused, "blobs", f->unused_blobs);
	jsonio_put_u64(unused, "bytes", f->unused_bytes);
	jsonio_put_text(unused, "why",
	    "content that no backup names any more: deleted backups, until "
	    "it is pruned; keys open it, nothing says what it was");
	(void)json_object_set_new(j, "backup_blobs_not_used", unused);
	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++)
		(void)json_array_append_new(not, json_string(nowhere[i]));
	(void)json_object_set_new(j, "not_here", not );
	(void)json_object_set_new(j, "tables", tables_json());
	return j;
}

/* The object without its end; the list of files follows. */
int
manifest_begin_json(struct outfile *f, const struct manifest *m, struct err *e)
{
	OWN(jsonio_free) json_t *head = head_json(m);
	OWN(mem_free) char *text = json_dumps(head, JSON_INDENT(2));
	OWN(buf_free) struct buf b = { 0 };

	buf_put_str(&b, text);
	while (b.n > 0 && (b.p[b.n - 1] == '}' || b.p[b.n - 1] == '\n')) {
		bool end = b.p[b.n - 1] == '}';
		b.n--;
		if (end)
			break;
	}
	while (b.n > 0 && b.p[b.n - 1] == '\n')
		b.n--;
	buf_put_str(&b, ",\n  \"files\": [");
	return outfile_put(f, buf_bytes(&b), e);
}

static void
text_categories(const struct manifest *m, struct buf *b)
{
	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++)
		if (!stored(m->holding, c))
			buf_printf(b, "%-14s nothing stored\n",
			    category_name((enum category)c));
	for (size_t i = 0; i < m->holding->n_zones; i++) {
		const struct holding_zone *z = &m->holding->zones[i];
		OWN(buf_free) struct buf name = { 0 };
		holding_zone_name(z, &name);
		buf_printf(b,
		    "%-14s %s: %s; %llu records, %llu blobs of %llu "
		    "bytes\n",
		    buf_text(&name), finding_name(m->findings->zones[i]),
		    m->findings->zones[i] == FINDING_PLAIN
			? "opened with keys that the escrow holds"
			: buf_text(&m->findings->reasons[i]),
		    (unsigned long long)z->records,
		    (unsigned long long)z->n_blobs,
		    (unsigned long long)z->blob_bytes);
	}
}

static void
show(struct buf *b, const json_t *text)
{
	const char *s = json_string_value(text);

	text_show(b, bytes_str(s != NULL ? s : ""));
}

static void
text_findings(const struct manifest *m, struct buf *b)
{
	const struct findings *f = m->findings;
	size_t i;
	json_t *v;

	if (json_array_size(f->closed) > 0)
		buf_put_str(b,
		    "\nSecrets, which stay closed (always "
		    "end-to-end):\n");
	json_array_foreach(f->closed, i, v)
	{
		if (json_object_get(v, "snapshot") != NULL) {
			show(b, json_object_get(v, "snapshot"));
			buf_put_str(b, " ");
		}
		show(b, json_object_get(v, "path"));
		buf_put_str(b, "\n");
	}
	if (json_array_size(f->failed) > 0)
		buf_put_str(b, "\nWhat should have opened, and did not:\n");
	json_array_foreach(f->failed, i, v)
	{
		show(b, json_object_get(v, "what"));
		buf_put_str(b, ": ");
		show(b, json_object_get(v, "why"));
		buf_put_str(b, "\n");
	}
	if (f->unused_blobs > 0)
		buf_printf(b,
		    "\n%llu blobs of %llu bytes hold what no backup names any "
		    "more; they are not here.\n",
		    (unsigned long long)f->unused_blobs,
		    (unsigned long long)f->unused_bytes);
}

int
manifest_begin_text(struct outfile *f, const struct manifest *m, struct err *e)
{
	const struct escrow_line *l = &m->asked->parsed;
	OWN(buf_free) struct buf b = { 0 };

	buf_printf(&b,
	    "Disclosure of the account %s (%s)\n\nprotection     %s\n",
	    m->holding->account.name, id_text(&m->holding->account.uid).s,
	    level_name(m));
	buf_printf(&b, "keys           %s\nreference      ",
	    m->asked->why.n == 0 ? "handed out by the escrow"
				 : buf_text(&m->asked->why));
	text_show(&b, bytes_str(m->reference));
	buf_put_str(&b, "\ntime           ");
	text_time(&b, (int64_t)m->time_ms);
	buf_printf(&b,
	    "\njournal        line %llu, the account's %llu, SHA-256 ",
	    (unsigned long long)l->n, (unsigned long long)l->account_n);
	text_hex(&b, bytes_of(m->asked->hash.b, DIGEST_BYTES));
	buf_put_str(&b, "\n               ");
	text_show(&b, l->detail);
	buf_put_str(&b, "\nescrow         ");
	put_fingerprint(m->holding, &b);
	buf_put_str(&b, "\n\n");
	text_categories(m, &b);
	text_findings(m, &b);
	buf_put_str(&b, "\nNot here:\n");
	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++)
		buf_printf(&b, "%s\n", nowhere[i]);
	for (size_t i = 0; i < metadata_n_tables; i++)
		if (metadata_tables[i].but != NULL)
			buf_printf(&b, "the server's table %s: %s\n",
			    metadata_tables[i].table, metadata_tables[i].but);
	buf_put_str(&b,
	    "\nOwners, modes, attributes, flags and devices are in "
	    "backup/ID.jsonl; the files have\nthe owner who wrote them, and "
	    "no bit or attribute that gives rights.\n\nSHA-256, bytes, path; "
	    "with a * the hash is of data alone, each piece of it behind\nits "
	    "offset and its length, 8 bytes each, big-endian:\n");
	return outfile_put(f, buf_bytes(&b), e);
}
