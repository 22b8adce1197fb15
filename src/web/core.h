/* SPDX-License-Identifier: ISC */
/* core.h: what the page asks of the core, and what lasts between its calls. */
/*
 * The page calls with {"do": NAME, …} and gets {…} or {"error": …}, as from
 * the server. One call at a time.
 */
#pragma once

#include "client/login.h"
#include "join/compare.h"
#include "join/newcomer.h"
#include "join/pair.h"
#include "mail/mail.h"
#include "client/recovery.h"

struct core {
	struct self *self; /* this browser is a device */
	struct remote *visit; /* or it visits, by a factor */
	/* while signing in */
	bool asking; /* newcomer holds a request */
	struct newcomer newcomer;
	char *device_name, *token; /* of the request */
	bool key; /* it has proven a security key */
	json_t *proved; /* what that opened, until one has chosen */
	struct pair_entry *entry; /* the devices are asked */
	struct login step; /* of the last step-up */
	struct recovery_new drawn; /* shown, not yet typed again */
	struct people_looks with; /* whom one compares with */
	struct compare_entry *comparing; /* he is asked; borrows from with */
	struct mail *mail; /* opened; borrows self */
	uint64_t inbox_top; /* that the page knows of */
};

#define CORE_HOME "" /* home.h's folder: there is one memory */
#define CORE_URL "self" /* where the page came from */

/* out is an empty object, to be filled. */
typedef int core_fn(
    struct core *c, const json_t *in, json_t *out, struct err *e);

/* The session's calls. errors: not-signed-in. */
MUST_CHECK int core_remote(struct core *c, struct remote **out, struct err *e);
/* This device. errors: not-signed-in; permission-denied for a visitor. */
MUST_CHECK int core_self(struct core *c, struct self **out, struct err *e);
/* A sign-in by a code that this browser keeps; its texts borrow from b. */
struct core_kept {
	uint64_t until_ms;
	struct bytes name, host, token;
};
bool core_kept_visit(struct buf *b, struct core_kept *out);
/* "fingerprint" of an escrow's key. */
void core_put_fingerprint(json_t *out, struct bytes key);
/* "people": what was wrong with contacts, and nobody has dismissed. errors:
 * those of self_state. */
MUST_CHECK int core_put_alerts(struct self *s, json_t *out, struct err *e);
/* Tell the page a code that it shows. */
void core_show(void *ctx, const char *code);
/* The contact "uid" as he is shown now; *s is this device. errors: not-found. */
MUST_CHECK int core_look_at(struct core *c, const json_t *in, struct self **s,
    struct people_looks *out, struct err *e);
/* {"code", "message", "remedy"}. */
json_t *core_error_json(const struct err *why);
/* The messages are opened anew when they are asked for. */
void core_end_mail(struct core *c);
/* File what came: before who sent it is forgotten or blocked. */
void core_file_mail(struct core *c);
/* Nobody is asked to compare any more. */
void core_end_compare(struct core *c);
/* Copy what a server has answered. */
void core_put_all(json_t *out, const json_t *answer);

core_fn core_server, core_state, core_signup, core_signup_end, core_signin,
    core_join_call, core_prove, core_visit, core_ask_devices, core_look,
    core_code, core_cancel;
core_fn core_call_server, core_step_up, core_password_ok, core_new_password,
    core_devices, core_rename, core_remove, core_requests, core_approve,
    core_refuse, core_visit_approve, core_visit_refuse, core_leave, core_forget,
    core_key_add, core_key_remove;
core_fn core_protection, core_level, core_web_access, core_alerts,
    core_recovery, core_recovery_draw, core_recovery_typed,
    core_recovery_remove, core_recovery_try, core_veto;
core_fn core_people, core_people_set_privacy, core_people_goes_by, core_person,
    core_person_add, core_person_accept, core_person_block, core_person_rename,
    core_person_remove, core_person_verify, core_person_unverify,
    core_alert_dismiss;
core_fn core_compare_requests, core_compare_show, core_compare_ask,
    core_compare_look, core_compare_code, core_compare_cancel;
core_fn core_messages, core_messages_news, core_messages_search, core_thread,
    core_message_send, core_message_edit, core_message_delete;
