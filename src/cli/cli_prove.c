/* SPDX-License-Identifier: ISC */
/* cli_prove.c: reaching the account, and the step-up that changes need. */
#include "cli/cli.h"

#include "client/login.h"

#include <string.h>
#include <unistd.h>

void
cli_account_free(struct cli_account *a)
{
	self_free(&a->self);
	visit_free(&a->visit);
	a->remote = NULL;
}

int
cli_account(struct cli *cli, struct cli_account *out, struct err *e)
{
	OWN(mem_free)
	char *dir = cli_home(cli);

	if (visit_there(dir)) {
		if (visit_open(dir, &out->visit, e) < 0)
			return -1;
		out->remote = out->visit->remote;
		return 0;
	}
	if (cli_self(cli, &out->self, e) < 0)
		return -1;
	out->remote = out->self->remote;
	return 0;
}

int
cli_find_id(struct remote *r, const struct cli_things *t, const char *start,
    struct id *out, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	size_t hits = 0;

	if (control_call(r, "GET", t->path, NULL, &answer, e) < 0)
		return -1;
	const json_t *all = json_object_get(answer, t->field);
	for (size_t i = 0; i < json_array_size(all); i++) {
		struct id id;
		if (jsonio_id(json_array_get(all, i), "id", &id, e) < 0)
			return -1;
		const char *name = t->label == NULL
		    ? NULL
		    : json_string_value(
			  json_object_get(json_array_get(all, i), t->label));
		if (id_begins(&id, start) ||
		    (name != NULL && strcmp(name, start) == 0)) {
			*out = id;
			hits++;
		}
	}
	if (hits == 1)
		return 0;
	if (hits > 1)
		return err_set(e, ERR_USAGE, "%s %s several %ss", start,
		    t->label == NULL ? "begins the ID of" : "names", t->word);
	(void)err_set(e, ERR_NOT_FOUND, "there is no %s %s", t->word, start);
	return err_remedy(e, "%s", t->look);
}

int
cli_list(struct cli *cli, const struct cli_things *t, cli_print_fn *fn,
    struct err *e)
{
	OWN(cli_account_free) struct cli_account a = { .self = NULL };
	OWN(jsonio_free) json_t *answer = NULL;

	if (cli_account(cli, &a, e) < 0 ||
	    control_call(a.remote, "GET", t->path, NULL, &answer, e) < 0)
		return -1;
	const json_t *all = json_object_get(answer, t->field);
	for (size_t i = 0; i < json_array_size(all); i++) {
		json_t *x = json_array_get(all, i);
		if (cli->line.json)
			cli_print_json(json_deep_copy(x));
		else if (fn(x, e) < 0)
			return -1;
	}
	return 0;
}

int
cli_ask_pin(void *ctx, struct secret **out, struct err *e)
{
	struct cli with = *(const struct cli *)ctx;

	/* Not the account's password, wherever that comes from. */
	if (with.pin_file != NULL)
		with.password_file = with.pin_file;
	else
		with.password_file = NULL;
	if (cli_secret(&with, "PIN of the security key", false, out, e) == 0)
		return 0;
	return e->code == ERR_INPUT_MISSING && with.pin_file == NULL
	    ? (err_set(e, ERR_INPUT_MISSING,
		   "the PIN of the security key is needed, and there is no "
		   "terminal to ask for it"),
		  err_remedy(e, "Add: --pin-file FILE"))
	    : -1;
}

static void
touch(void *ctx)
{
	cli_say(ctx, "Touch the security key.");
}

struct fido_ask
cli_key(struct cli *cli)
{
	return (struct fido_ask){ .device = cli->device,
		.pin = cli_ask_pin,
		.touch = touch,
		.ctx = cli };
}

/* ---- proving ---- */

static int
ask(void *ctx, const char *with, const struct err *why, struct buf *code,
    struct err *e)
{
	if (why != NULL)
		cli_say(ctx, "Once more: %s.", why->msg);
	if (cli_line(ctx,
		strcmp(with, "text") == 0	? "Code of the text"
		    : strcmp(with, "call") == 0 ? "Code of the call"
						: "Code of the authenticator",
		"--code CODE", code, e) == 0)
		return 0;
	/* Only what works: a device that is let in proves no factor. */
	return e->code != ERR_INPUT_MISSING
	    ? -1
	    : err_remedy(e,
		  "Add: --code CODE\n"
		  "If it is lost: --with text, call or key, where the account "
		  "has one; or with a recovery key, here: aumbry --home NEW "
		  "recover URL NAME --keep-devices. With none of these, after "
		  "a wait: aumbry two-factor lost");
}

static bool
has_word(const json_t *offered, const char *way)
{
	const json_t *all = json_object_get(offered, "methods");

	for (size_t i = 0; i < json_array_size(all); i++) {
		const char *s = json_string_value(json_array_get(all, i));
		if (s != NULL && strcmp(s, way) == 0)
			return true;
	}
	return false;
}

/* Is there more than one number that takes this way? */
static bool
has_others(const json_t *offered, const char *way)
{
	const json_t *all = json_object_get(offered, "numbers");
	bool call = strcmp(way, "call") == 0;
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(all); i++)
		n += call || !jsonio_true(json_array_get(all, i), "call");
	return n > 1;
}

/* Where it went, and what to do when it does not come. */
static void
sent(void *ctx, const char *with, const json_t *offered, const json_t *answer)
{
	const char *hint = "",
		   *other = strcmp(with, "text") == 0 ? "call" : "text";
	bool device = has_word(offered, "device");
	bool app = has_word(offered, "authenticator");
	struct err ignored;
	uint64_t left = 0;

	if (jsonio_text(answer, "hint", &hint, &ignored) < 0 ||
	    jsonio_u64(answer, "left", &left, &ignored) < 0)
		return;
	OWN(mem_free) char *shown = cli_shown(bytes_str(hint));
	cli_say(ctx,
	    "A code goes to %s by %s; %llu more can be sent there this hour.",
	    shown, with, (unsigned long long)left);
	cli_say(ctx, "Didn't get it? Type, instead of the code: again%s%s%s",
	    has_word(offered, other) ? ", " : "",
	    has_word(offered, other) ? other : "",
	    has_others(offered, with) ? ", other (number)" : "");
	if (device || app)
		cli_say(ctx, "Or start anew in another way:%s%s",
		    device ? " --with device" : "",
		    app ? " --with authenticator" : "");
}

const struct cmd_option cli_proving_options[] = {
	CLI_PROOF(struct cli_proving, proof),
};

struct prove
cli_asking(struct cli *cli, const struct cli_proof *p)
{
	return (struct prove){ .with = p->with,
		.code = p->code,
		.ask = ask,
		.sent = sent,
		.key = cli_key(cli),
		.keys_only = cli->keys_only,
		.again = p->code == NULL && isatty(STDIN_FILENO) != 0,
		.ctx = cli };
}

struct stepping {
	struct remote *remote;
	struct prove prove;
};

static int
step_up(void *ctx, struct bytes password, struct err *e)
{
	const struct stepping *p = ctx;
	struct login l = { 0 };

	int rc = login_step_up(p->remote, password, &p->prove, &l, e);
	login_free(&l);
	return rc;
}

int
cli_prove(
    struct cli *cli, struct remote *r, const struct cli_proof *p, struct err *e)
{
	struct stepping s = { r, cli_asking(cli, p) };

	return cli_with_password(cli, "Password", step_up, &s, e);
}

int
cli_stepped(struct cli *cli, struct remote *r, const struct cli_proof *p,
    cli_step_fn fn, void *ctx, struct err *e)
{
	if (fn(ctx, e) == 0)
		return 0;
	if (e->code != ERR_STEP_UP_REQUIRED)
		return -1;
	if (cli->password_file == NULL && !isatty(STDIN_FILENO) &&
	    p->code == NULL)
		return -1;
	return cli_prove(cli, r, p, e) < 0 ? -1 : fn(ctx, e);
}

typedef int call_fn(struct remote *r, const char *method, const char *path,
    const json_t *in, json_t **out, struct err *e);

struct one_call {
	call_fn *call;
	const struct cli_call *c;
};

static int
one_call(void *ctx, struct err *e)
{
	const struct one_call *one = ctx;
	const struct cli_call *c = one->c;

	return one->call(c->remote, c->method, c->path, c->in, c->out, e);
}

int
cli_stepped_call(struct cli *cli, const struct cli_call *c,
    const struct cli_proof *p, struct err *e)
{
	struct one_call one = { control_call, c };

	return cli_stepped(cli, c->remote, p, one_call, &one, e);
}

int
cli_stepped_act(struct cli *cli, const struct cli_call *c,
    const struct cli_proof *p, struct err *e)
{
	struct one_call one = { control_act, c };

	return cli_stepped(cli, c->remote, p, one_call, &one, e);
}
