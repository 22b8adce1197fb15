/* SPDX-License-Identifier: ISC */
/* disclose.c: the steps, in their order. */
#include "disclose/disclose.h"

#include "base/now.h"
#include "base/text.h"
#include "disclose/contents.h"
#include "disclose/manifest.h"
#include "disclose/metadata.h"
#include "disclose/outdir.h"

#include <string.h>

struct disclosing {
	const struct disclose_options *o;
	struct holding holding;
	struct asked asked;
	struct findings findings;
	uint64_t time_ms;
	bool made; /* the folder is, and its work is to be removed */
};

static void
disclosing_free(struct disclosing *d)
{
	if (d->made)
		outdir_drop(d->o->to, OUTDIR_WORK);
	findings_free(&d->findings);
	asking_free(&d->asked);
	holding_free(&d->holding);
}

static int
check_options(const struct disclose_options *o, struct err *e)
{
	if ((o->dir != NULL) == (o->socket != NULL))
		return err_set(e, ERR_USAGE,
		    "give --socket PATH of the escrow that runs, or --dir DIR "
		    "of one that is stopped");
	if (o->reference[0] == '\0' ||
	    strlen(o->reference) > ESCROW_REFERENCE ||
	    !text_is_label(o->reference))
		return err_set(e, ERR_USAGE,
		    "--reference is a text of 1 to %d bytes", ESCROW_REFERENCE);
	return 0;
}

static void
note_closed_envelopes(struct disclosing *d)
{
	struct err why = { 0 };

	if (d->asked.closed == 0)
		return;
	(void)err_set(&why, ERR_KEY_SUBSTITUTED,
	    "%u of the keys that the server has for the escrow do not open",
	    (unsigned)d->asked.closed);
	findings_failed(&d->findings, "metadata/envelopes.bin", &why);
}

static struct contents
contents_of(struct disclosing *d)
{
	return (struct contents){ .holding = &d->holding,
		.keys = d->asked.keys,
		.why = buf_text(&d->asked.why),
		.out = d->o->to,
		.findings = &d->findings };
}

/* One view of the tables for all that is written from them. */
static int
from_tables(struct tx *tx, void *arg, struct err *e)
{
	struct disclosing *d = arg;
	const struct disclose_options *o = d->o;
	struct holding *h = &d->holding;
	struct asking asking = { .socket = o->socket,
		.dir = o->dir,
		.reference = o->reference,
		.notify_s = o->notify_s };

	if (holding_read(h, tx, o->name, e) < 0 || outdir_make(o->to, e) < 0)
		return -1;
	d->made = true;
	if (asking_do(&asking, h, &d->asked, e) < 0)
		return -1;
	d->time_ms = (uint64_t)now_ms();
	findings_init(&d->findings, h->n_zones);
	note_closed_envelopes(d);
	if (metadata_write(h, tx, o->to, e) < 0)
		return -1;
	const struct contents c = contents_of(d);
	return contents_histories(&c, tx, e);
}

int
disclose_run(const struct disclose_options *o, struct disclose_result *out,
    struct err *e)
{
	OWN(disclosing_free) struct disclosing d = { .o = o };

	if (check_options(o, e) < 0 ||
	    holding_open(o->data, &d.holding, e) < 0 ||
	    db_read(d.holding.db, from_tables, &d, e) < 0)
		return -1;
	const struct contents c = contents_of(&d);
	if (contents_write(&c, e) < 0)
		return -1;
	outdir_drop(o->to, OUTDIR_WORK);
	struct manifest m = { .holding = &d.holding,
		.asked = &d.asked,
		.findings = &d.findings,
		.reference = o->reference,
		.time_ms = d.time_ms };
	*out = (struct disclose_result){ .closed =
					     json_array_size(d.findings.closed),
		.failed = json_array_size(d.findings.failed),
		.journal_n = d.asked.parsed.n };
	for (size_t i = 0; i < d.findings.n_zones; i++)
		out->plain |= d.findings.zones[i] == FINDING_PLAIN;
	return manifest_write(&m, o->to, &out->manifest, e);
}
