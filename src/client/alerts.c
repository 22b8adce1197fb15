/* SPDX-License-Identifier: ISC */
/* alerts.c: alerts about other accounts, in the state zone. */
#include "client/alerts.h"

#include "base/now.h"
#include "client/self_note.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS (24 * 3600 * 1000ULL)
#define AGAIN_MS (20 * 3600 * 1000ULL) /* that it goes on is noted once a day */

bool
alerts_is(enum err_code code)
{
	return code == ERR_CONTACT_CHANGED || code == ERR_NAME_MOVED ||
	    code == ERR_CIRCLE_INVALID || code == ERR_CIRCLE_ROLLED_BACK ||
	    code == ERR_CIRCLE_FORKED;
}

static struct id
name_of(const char *code, const struct id *about)
{
	OWN(buf_free) struct buf text = { 0 };

	buf_put_str(&text, code);
	id_put(&text, about);
	return digest_id(buf_bytes(&text));
}

static bool
take_text(struct bytes x, size_t most, char *out)
{
	if (x.n > most || memchr(x.p, '\0', x.n) != NULL)
		return false;
	memcpy(out, x.p, x.n);
	out[x.n] = '\0';
	return true;
}

static bool
parse(struct scan s, struct alert *out)
{
	*out = (struct alert){ .version = 0 };
	struct bytes code = scan_v8(&s);
	out->about = id_take(&s);
	out->first_ms = scan_u64(&s);
	out->last_ms = scan_u64(&s);
	out->by = id_take(&s);
	struct bytes words = scan_v16(&s);
	out->dismissed_ms = scan_u64(&s);
	return scan_done(&s) && take_text(code, ALERT_CODE_MAX, out->code) &&
	    take_text(words, ALERT_WORDS_MAX, out->words);
}

static int
put(struct self *s, const struct alert *a, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };
	struct id name = name_of(a->code, &a->about);

	buf_put_v8(&body, bytes_str(a->code));
	id_put(&body, &a->about);
	buf_put_u64(&body, a->first_ms);
	buf_put_u64(&body, a->last_ms);
	id_put(&body, &a->by);
	buf_put_v16(&body, bytes_str(a->words));
	buf_put_u64(&body, a->dismissed_ms);
	return self_note_replace(
	    s, SELF_NOTE_ALERT, &name, a->version, buf_bytes(&body), e);
}

/* What there is of it; zeros but its version, when nothing is. */
static int
look(struct self *s, const struct id *name, struct alert *out, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct id id = self_note_id(SELF_NOTE_ALERT, name);
	uint64_t version;

	if (zcopy_look(s->state, &id, &version, &plain, e) < 0)
		return -1;
	if (!parse(self_note_body(buf_bytes(&plain), SELF_NOTE_ALERT), out))
		*out = (struct alert){ .first_ms = 0 };
	out->version = version;
	return 0;
}

int
alerts_raise(struct self *s, const struct id *about, const struct err *why,
    struct err *e)
{
	const uint64_t now = (uint64_t)now_ms();
	struct id name = name_of(err_name(why->code), about);
	struct alert a;

	if (look(s, &name, &a, e) < 0)
		return -1;
	/* In other words it is another finding. */
	bool goes_on = a.first_ms != 0 && a.last_ms <= now &&
	    now - a.last_ms < DAY_MS && strcmp(a.words, why->msg) == 0;
	if (goes_on && now - a.last_ms < AGAIN_MS)
		return 0;
	a.last_ms = now;
	if (!goes_on) {
		a.first_ms = now;
		a.by = s->dev_id;
		a.dismissed_ms = 0;
	}
	a.about = *about;
	(void)snprintf(a.code, sizeof a.code, "%s", err_name(why->code));
	(void)snprintf(a.words, sizeof a.words, "%s", why->msg);
	if (put(s, &a, e) == 0)
		return 0;
	/* Another device has just said so. */
	if (e->code != ERR_CONFLICT)
		return -1;
	err_clear(e);
	return 0;
}

/* ---- reading ---- */

struct list {
	struct alert *all;
	size_t n;
};

static int
visit(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct list *l = ctx;
	struct alert a;

	(void)e;
	if (!parse(self_note_body(r->plain, SELF_NOTE_ALERT), &a))
		return 0;
	a.id = r->id;
	a.version = r->version;
	l->all = mem_resize(l->all, l->n + 1, sizeof *l->all);
	l->all[l->n++] = a;
	return 0;
}

static int
newest_first(const void *a, const void *b)
{
	const struct alert *x = a, *y = b;

	return x->last_ms != y->last_ms ? (x->last_ms < y->last_ms ? 1 : -1)
					: id_cmp(&x->id, &y->id);
}

int
alerts_all(struct self *s, struct alert **out, size_t *n, struct err *e)
{
	struct list l = { NULL, 0 };

	if (zcopy_each(s->state, 0, visit, &l, e) < 0) {
		free(l.all);
		return -1;
	}
	if (l.n > 0)
		qsort(l.all, l.n, sizeof *l.all, newest_first);
	*out = l.all;
	*n = l.n;
	return 0;
}

int
alerts_dismiss(struct self *s, const char *start, struct err *e)
{
	OWN(mem_free) struct alert *all = NULL;
	struct alert *one = NULL;
	size_t n, found = 0;

	if (alerts_all(s, &all, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (id_begins(&all[i].id, start)) {
			one = &all[i];
			found++;
		}
	if (found == 0)
		return err_set(e, ERR_NOT_FOUND, "there is no such alert");
	if (found > 1)
		return err_set(e, ERR_USAGE,
		    "%zu alerts begin so; give more digits", found);
	if (one->dismissed_ms != 0)
		return 0;
	one->dismissed_ms = (uint64_t)now_ms();
	return put(s, one, e);
}
