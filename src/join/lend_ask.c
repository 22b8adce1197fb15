/* SPDX-License-Identifier: ISC */
/* lend_ask.c: the visitor's side of a visit. */
#include "join/lend.h"

#include "base/now.h"
#include "join/pair_in.h"
#include "join/reader.h"

struct guest {
	const struct lend_ask *a;
	struct visit *visit;
	struct relay c;
	struct id nonce;
};

static void
guest_free(struct guest *g)
{
	relay_free(&g->c);
	visit_free(&g->visit);
}

static int
open_visit(struct guest *g, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;
	json_t *list = json_array();

	if (visit_open(g->a->dir, &g->visit, e) < 0)
		return -1;
	id_random(&g->nonce);
	(void)json_array_append_new(
	    list, json_string(category_name(CATEGORY_BACKUP)));
	(void)json_array_append_new(
	    list, json_string(category_name(CATEGORY_DRIVE)));
	(void)json_object_set_new(ask, "categories", list);
	jsonio_put_bytes(ask, "nonce", bytes_of(g->nonce.b, ID_BYTES));
	g->c = (struct relay){ .remote = g->visit->remote,
		.path = LEND_PATH,
		.side = RELAY_SIDE_NEW,
		.deadline_ms = now_ms() + g->a->timeout_s * 1000LL };
	return control_call(
		   g->visit->remote, "POST", LEND_PATH, ask, &answer, e) < 0
	    ? -1
	    : jsonio_id(answer, "visit", &g->c.join, e);
}

/* Answer one code; *right: what the device has handed over is in `got`. */
static int
answer_code(struct guest *g, struct buf *got, struct buf *record, bool *right,
    struct err *e)
{
	OWN(relay_keys_free) struct relay_keys k = { .label = LEND_LABEL };
	OWN(buf_free) struct buf ci = { 0 };
	struct scan s = scan_of(g->c.body);

	(void)scan_take(&s, ID_BYTES + 32);
	buf_clear(record);
	buf_put_bytes(record, scan_v16(&s));
	lend_channel(g->visit->host, &g->c.join, &ci);
	struct pair_code t = { .c = &g->c,
		.ci = buf_bytes(&ci),
		.request = &g->c.join,
		.nonce = &g->nonce,
		.ours = bytes_of(g->nonce.b, ID_BYTES),
		.theirs = bytes_str(""),
		.ask = g->a->ask,
		.ctx = g->a->ctx };
	return pair_code_answer(&t, &k, got, right, e);
}

static int
be_let_in(struct guest *g, struct buf *got, struct buf *record, struct err *e)
{
	uint8_t kind;
	bool right = false;

	if (g->a->waiting != NULL)
		g->a->waiting(g->a->ctx);
	while (!right) {
		if (relay_receive_last(&g->c, &kind, e) < 0)
			return -1;
		if (kind != RELAY_OPEN)
			continue;
		if (answer_code(g, got, record, &right, e) < 0)
			return -1;
		if (!right && !g->a->again)
			return err_set(
			    e, ERR_WRONG_CODE, "the code is wrong, and burnt");
	}
	return 0;
}

int
lend_begin(const struct lend_ask *a, struct err *e)
{
	OWN(guest_free) struct guest g = { .a = a };
	OWN(buf_free) struct buf got = { 0 };
	OWN(buf_free) struct buf record = { 0 };
	struct device d;

	if (home_has_key(a->dir))
		return err_set(e, ERR_BAD_REQUEST,
		    "a device of the account needs no visit");
	if (open_visit(&g, e) < 0)
		return -1;
	if (be_let_in(&g, &got, &record, e) < 0) {
		relay_end(&g.c); /* nobody is asked about who waits no more */
		return -1;
	}
	struct scan s = scan_of(buf_bytes(&record));
	if (device_take(&s, &d, e) < 0 || !scan_done(&s))
		return relay_malformed(e);
	int rc = reader_take(a->dir, &d, buf_bytes(&got), e);
	mem_wipe(got.p, got.n);
	return rc;
}
