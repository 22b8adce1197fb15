/* SPDX-License-Identifier: ISC */
/* core.c: the WebAssembly module's exports, and the table of its commands. */
#include "web/core.h"

#include "web/memory.h"
#include "wire/errjson.h"

#include <stdlib.h>
#include <string.h>

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(name)))
#else /* for tools that only read */
#define EXPORT(name)
#endif

static const struct {
	const char *name;
	core_fn *run;
} commands[] = {
	{ "server", core_server },
	{ "state", core_state },
	{ "signup", core_signup },
	{ "signup_end", core_signup_end },
	{ "signin", core_signin },
	{ "join_call", core_join_call },
	{ "prove", core_prove },
	{ "visit", core_visit },
	{ "ask_devices", core_ask_devices },
	{ "look", core_look },
	{ "code", core_code },
	{ "cancel", core_cancel },
	{ "call", core_call_server },
	{ "step_up", core_step_up },
	{ "password_ok", core_password_ok },
	{ "new_password", core_new_password },
	{ "devices", core_devices },
	{ "rename", core_rename },
	{ "remove", core_remove },
	{ "requests", core_requests },
	{ "approve", core_approve },
	{ "refuse", core_refuse },
	{ "visit_approve", core_visit_approve },
	{ "visit_refuse", core_visit_refuse },
	{ "key_add", core_key_add },
	{ "key_remove", core_key_remove },
	{ "protection", core_protection },
	{ "level", core_level },
	{ "web_access", core_web_access },
	{ "alerts", core_alerts },
	{ "recovery", core_recovery },
	{ "recovery_draw", core_recovery_draw },
	{ "recovery_typed", core_recovery_typed },
	{ "recovery_remove", core_recovery_remove },
	{ "recovery_try", core_recovery_try },
	{ "veto", core_veto },
	{ "people", core_people },
	{ "people_goes_by", core_people_goes_by },
	{ "people_set_privacy", core_people_set_privacy },
	{ "person", core_person },
	{ "person_add", core_person_add },
	{ "person_accept", core_person_accept },
	{ "person_block", core_person_block },
	{ "person_rename", core_person_rename },
	{ "person_remove", core_person_remove },
	{ "person_verify", core_person_verify },
	{ "person_unverify", core_person_unverify },
	{ "alert_dismiss", core_alert_dismiss },
	{ "compare_requests", core_compare_requests },
	{ "compare_show", core_compare_show },
	{ "compare_ask", core_compare_ask },
	{ "compare_look", core_compare_look },
	{ "compare_code", core_compare_code },
	{ "compare_cancel", core_compare_cancel },
	{ "messages", core_messages },
	{ "messages_news", core_messages_news },
	{ "messages_search", core_messages_search },
	{ "thread", core_thread },
	{ "message_send", core_message_send },
	{ "message_edit", core_message_edit },
	{ "message_delete", core_message_delete },
	{ "leave", core_leave },
	{ "forget", core_forget },
};

static struct core core;
static struct buf answer;

static int
run(struct bytes text, json_t *out, struct err *e)
{
	OWN(jsonio_free) json_t *in = NULL;
	const char *name = "";

	if (jsonio_parse(text, &in, e) < 0 ||
	    jsonio_text(in, "do", &name, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].run(&core, in, out, e);
	return err_set(e, ERR_BAD_REQUEST, "the core cannot do \"%s\"", name);
}

/* ---- exports: memory first, then two calls ---- */

void *core_alloc(size_t n);
void core_release(void *p, size_t n);
size_t core_answer_size(void);
int core_load(const uint8_t *state, size_t n);
const uint8_t *core_call(const uint8_t *text, size_t n);

EXPORT("alloc") void *core_alloc(size_t n)
{
	return mem_array(n > 0 ? n : 1, 1);
}

EXPORT("release") void core_release(void *p, size_t n)
{
	mem_wipe(p, n);
	free(p);
}

/* 0, or -1 when the state is damaged; then there is none. */
EXPORT("load") int core_load(const uint8_t *state, size_t n)
{
	struct err e;

	return memory_load(bytes_of(state, n), &e);
}

EXPORT("answer_size") size_t core_answer_size(void)
{
	return answer.n;
}

EXPORT("call") const uint8_t *core_call(const uint8_t *text, size_t n)
{
	OWN(jsonio_free) json_t *out = json_object();
	struct err e = { 0 };

	buf_free(&answer);
	if (run(bytes_of(text, n), out, &e) < 0)
		errjson_make(&e, bytes_str(""), &answer);
	else
		jsonio_put(&answer, out);
	return answer.p;
}
