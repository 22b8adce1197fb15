/* SPDX-License-Identifier: ISC */
/* api.h: the calls of the server, one module for each subject. */
#pragma once

#include "api/message.h"

/* The table of routes. */
extern const struct http_route api_routes[];
extern const size_t api_n_routes;

/*
 * The calls of the table, by subject; docs/PROTOCOL.md says what each does.
 * A server_call_fn runs in one transaction, a server_then_fn after it; an
 * http_handle_fn answers by itself.
 */

/* signup.c: what the server says of itself; an account is made. */
server_call_fn signup_info, signup_start, signup_finish;
server_then_fn signup_start_then;
/* sessions.c: a device shows its key. */
server_call_fn sessions_challenge, sessions_open, sessions_left, sessions_end,
    sessions_list, sessions_end_one;
/* Before the call in its row: the key's proof is looked at, without a lock. */
http_handle_fn identity_get;
http_handle_fn sessions_proven;
/* status.c: the account, and what happened in it. */
server_call_fn closings_begin, closings_stop, status_account, status_log;
/* signin.c: the password, at a new device, for a step-up, changed. */
server_call_fn signin_start, signin_finish, signin_step_start,
    signin_step_finish, signin_password_start, signin_password_finish;
/* joins.c: a new device asks the trusted ones to be let in. */
server_call_fn joins_allow, joins_refuse, joins_allow_again, joins_fail,
    joins_cancel, joins_prompt;
http_handle_fn joins_list;
message_load_fn joins_talk;
/* entries.c: the circle. */
http_handle_fn entries_list, entries_submit;
/* envelopes.c: the keyring. */
server_call_fn envelopes_fill;
http_handle_fn envelopes_list;
/* twofactor.c: two-factor on and off. */
server_call_fn twofactor_set;
/* apppass.c: app-specific passwords. */
server_call_fn apppass_list, apppass_create, apppass_revoke, apppass_revoke_all;
/* mail.c: addresses that notices go to. */
server_call_fn mail_list, mail_add, mail_confirm, mail_remove;
/* zones.c: records and blobs. They know by themselves what came before. */
http_handle_fn zones_list, zones_commit, zones_changes, zones_records,
    zones_blob_get, zones_blob_delete, zones_blob_exists;
extern const struct http_sink zones_blob_put;
/* May the caller read zones of that category? A visitor not all. */
bool zones_may_read(const struct caller *me, enum category c);
/* wait.c: for news of zones, circle and requests to join. */
http_handle_fn wait_for_news;
/* backups.c: whether a device backs up by itself, and since when not. */
server_call_fn backups_state;
/* freshpins.c: where recovery and security keys last saw the circle. */
server_call_fn freshpins_set;
/* protections.c: the level, and the account's key with the escrow. */
server_call_fn protections_show, protections_escrow, protections_release_key;
server_then_fn protections_escrow_then;
/* release.c: keys from the escrow, and its journal. */
server_call_fn releases_nonce, releases_keys, releases_journal;
server_then_fn releases_nonce_then, releases_keys_then, releases_journal_then;
server_call_fn releases_collect;
server_then_fn releases_collect_then;
/* recoverykeys.c: an account's recovery keys, for its devices. */
server_call_fn recoverykeys_list, recoverykeys_half, recoverykeys_stage;
/* recoveries_begin.c, recoveries.c: who has lost every device; devices stop or
 * allow it. */
server_call_fn recoveries_begin, recoveries_look, recoveries_cancel,
    recoveries_keyring, recoveries_prove, recoveries_password,
    recoveries_finish;
server_call_fn recoveries_stop, recoveries_allow;
/* assist.c: a recovery contact helps. */
server_call_fn assist_list, assist_begin, assist_end;
message_load_fn assist_talk;
/* people.c: other accounts of this server. */
server_call_fn people_find, people_settings, people_set, people_heads;
http_handle_fn people_circle;
/* inbox.c: letters between accounts. */
server_call_fn inbox_cards, inbox_post, inbox_peers;
http_handle_fn inbox_list;
/* verify.c: two people compare by a code. */
server_call_fn verify_ask, verify_allow, verify_refuse, verify_end;
http_handle_fn verify_list;
message_load_fn verify_talk;
/* visits.c: a sign-in by a code asks the devices to read. */
server_call_fn visits_ask, visits_list, visits_allow, visits_refuse,
    visits_cancel, visits_done;
message_load_fn visits_talk;
