/* SPDX-License-Identifier: ISC */
/* cli_heal.c: aumbry repair --after-server-restore. */
#include "cli/cli.h"

#include "client/self_zones.h"
#include "drive/drive.h"
#include "vault/ptable.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A zone that this device has seen, and how far the server is from it. */
struct patient {
	struct zcopy *zone; /* borrowed from `own`, or self's state zone */
	struct zcopy *own;
	struct zcopy_loss loss;
};

struct ward {
	struct self *self; /* NULL: a folder */
	struct cli_repo folder;
	struct patient list[CATEGORY_END];
	size_t n;
};

static void
ward_free(struct ward *w)
{
	for (size_t i = 0; i < w->n; i++)
		zcopy_free(&w->list[i].own);
	self_free(&w->self);
	cli_repo_free(&w->folder);
}

static int
admit_folder(struct cli *cli, struct ward *w, struct err *e)
{
	const enum category list[] = { CATEGORY_BACKUP, CATEGORY_KEYCHAIN };

	if (cli_folder(cli, &w->folder, e) < 0)
		return -1;
	const struct depot_local_repo *f = w->folder.folder;
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		struct patient *p = &w->list[w->n];
		if (zcopy_open(&f->writer,
			&(struct zcopy_of){ w->folder.local, f->depot,
			    i == 0 ? &f->backup : &f->keychain, list[i] },
			&p->own, e) < 0)
			return -1;
		p->zone = p->own;
		w->n++;
	}
	return 0;
}

/* The state zone first: it says which others there are. */
static int
admit(struct cli *cli, struct ward *w, struct err *e)
{
	OWN(mem_free) char *dir = cli_home(cli);

	if (cli->repo != NULL)
		return admit_folder(cli, w, e);
	if (self_open(dir, &w->self, e) < 0 ||
	    self_connect_healing(w->self, e) < 0)
		return -1;
	struct self *s = w->self;
	w->list[w->n++].zone = s->state;
	if (self_load_zones(s, e) < 0)
		return -1;
	for (unsigned c = CATEGORY_STATE + 1; c < CATEGORY_END; c++) {
		struct patient *p = &w->list[w->n];
		if (id_zero(&s->zones[c]))
			continue;
		if (zcopy_open(&s->writer,
			&(struct zcopy_of){ s->local, s->depot, &s->zones[c],
			    (enum category)c },
			&p->own, e) < 0)
			return -1;
		p->zone = p->own;
		w->n++;
	}
	return 0;
}

/* A zone's heads may name entries of the circle that are to come back. */
static int
examine(struct ward *w, bool *whole, struct err *e)
{
	const struct self *s = w->self;

	*whole = s == NULL || s->circle_there == s->circle.seq;
	for (size_t i = 0; i < w->n; i++) {
		struct patient *p = &w->list[i];
		if (zcopy_compare(p->zone, &p->loss, e) < 0)
			return -1;
		*whole &= p->loss.whole;
	}
	return 0;
}

static void
show(const struct cli *cli, const struct ward *w)
{
	const struct self *s = w->self;

	cli_say(cli, "The %s was put back to an earlier state. It lacks:",
	    s != NULL ? "server" : "folder");
	if (s != NULL && s->circle_there < s->circle.seq)
		cli_say(cli, "  %u entries of the list of devices",
		    (unsigned)(s->circle.seq - s->circle_there));
	for (size_t i = 0; i < w->n; i++) {
		const struct patient *p = &w->list[i];
		if (!p->loss.whole)
			cli_say(cli,
			    "  %s: %zu records (it is at %llu, this "
			    "device has seen %llu)",
			    category_name(zcopy_category(p->zone)),
			    p->loss.newer, (unsigned long long)p->loss.there,
			    (unsigned long long)p->loss.here);
	}
}

/* A pack record without its pack is of no use; all else stays. */
static bool
drop(void *ctx, struct bytes plain)
{
	(void)ctx;
	return plain.n > 0 && plain.p[0] == PTABLE_KIND;
}

static int
treat(struct ward *w, struct err *e)
{
	if (w->self != NULL && self_heal_circle(w->self, e) < 0)
		return -1;
	for (size_t i = 0; i < w->n; i++) {
		struct patient *p = &w->list[i];
		if (!p->loss.whole &&
		    zcopy_heal(p->zone, drop, NULL, &p->loss, e) < 0)
			return err_in(e, "the %s zone",
			    category_name(zcopy_category(p->zone)));
	}
	return 0;
}

static void
report(const struct cli *cli, const struct ward *w, unsigned entries)
{
	size_t back = 0, lost = 0;

	for (size_t i = 0; i < w->n; i++) {
		back += w->list[i].loss.newer;
		lost += w->list[i].loss.lost;
	}
	if (cli->line.json)
		cli_print_json(json_pack("{s:s, s:I, s:I, s:I}", "event",
		    "healed", "entries", (json_int_t)entries, "records",
		    (json_int_t)back, "lost", (json_int_t)lost));
	cli_say(cli,
	    "The %s has again what this device knows: %u entries of the "
	    "list of devices, %zu records.",
	    w->self != NULL ? "server" : "folder", entries, back);
	if (lost > 0)
		cli_say(cli,
		    "%zu records name packs that are lost there. Back up again "
		    "from where the files are: what is there is stored again, "
		    "as files of the Drive are by each device that has them.",
		    lost);
}

static int
agreed(struct cli *cli, bool server, bool *yes, struct err *e)
{
	*yes = cli->yes;
	if (*yes)
		return 0;
	if (!isatty(STDIN_FILENO)) {
		(void)err_set(e, ERR_INPUT_MISSING,
		    "the %s was put back to an earlier state; what it lacks "
		    "can be given back by this device",
		    server ? "server" : "folder");
		if (!server)
			return err_remedy(e,
			    "If an older copy was put in its place, run it "
			    "with --yes.");
		return err_remedy(e,
		    "Ask the operator whether a backup was restored; if so, "
		    "run it with --yes.");
	}
	return cli_yes(cli,
	    !server ? "Was an older copy put in its place, and shall this "
		      "device give back what it holds? (yes/no)"
		    : "Was it the operator, from a backup, and shall this "
		      "device give back what it holds? (yes/no)",
	    yes, e);
}

int
cli_heal(struct cli *cli, struct err *e)
{
	OWN(ward_free) struct ward w = { .folder.lock = -1 };
	bool whole, yes;

	if (admit(cli, &w, e) < 0 || examine(&w, &whole, e) < 0)
		return -1;
	if (whole) {
		cli_say(cli, "The %s has all that this device has seen.",
		    w.self != NULL ? "server" : "folder");
		return 0;
	}
	show(cli, &w);
	if (agreed(cli, w.self != NULL, &yes, e) < 0)
		return -1;
	if (!yes)
		return err_set(e, ERR_INPUT_MISSING, "nothing was changed");
	unsigned entries =
	    w.self != NULL ? w.self->circle.seq - w.self->circle_there : 0;
	if (treat(&w, e) < 0 ||
	    (w.self != NULL && drive_doubt_home(w.self->dir, e) < 0))
		return -1;
	report(cli, &w, entries);
	return 0;
}
