/* SPDX-License-Identifier: ISC */
/* page.h: the records of the messages zone. */
/*
 *   page          u8 40 | u8 1 | u8 method | varint n | stored
 *                 stored, expanded to n bytes: entries, each
 *                 u64 received_ms | u8 flags | v32 letter
 *   conversation  u8 41 | u8 1 | conv[16] | u8 1 | v32 none | u64 read_ms
 *                 | u64 muted_until_ms | u64 0
 *   raw           u8 43 | u8 1 | v32 item     what could not be opened yet
 *
 * A page has a random id, at most PAGE_LETTERS entries and PAGE_BYTES, but for
 * one letter that is longer. method is vault/codec.h's. A conversation's id is
 * SHA-256("aumbry messages v1 conversation" 0 | conv)[0..16], a raw one's
 * SHA-256("aumbry messages v1 raw" 0 | SHA-256(item from its 17th byte
 * on)[0..16])[0..16].
 * source  docs/FORMAT.md "Messages zone".
 */
#pragma once

#include "wire/letter.h"

#define PAGE_LETTERS 64
#define PAGE_BYTES (64 * 1024)

enum page_kind {
	PAGE_LETTERS_KIND = 40,
	PAGE_CONVERSATION = 41,
	PAGE_RAW = 43
};

enum page_flags {
	PAGE_OUT = 1, /* the device was put out before the letter came */
	PAGE_ASKED = 2, /* it came from somebody who was not let in yet */
	PAGE_QUIET = 8, /* nobody is told of it */
	PAGE_GONE = 4 /* taken away here: in the letter's place id | mark */
};

struct page_entry {
	uint64_t received_ms;
	uint8_t flags; /* enum page_flags */
	struct bytes letter;
};

/* Which record is it? 0: none that is known. */
uint8_t page_kind(struct bytes plain);

/* Append an entry, and a record of entries. */
void page_put_entry(struct buf *entries, const struct page_entry *x);
void page_put(struct buf *plain, struct bytes entries);
/* Append the entries of a page. errors: record-corrupt, update-needed. */
MUST_CHECK int page_open(
    struct bytes plain, struct buf *entries, struct err *e);
/* The next one; borrows. false: there is no more, or it is spoiled (s->bad). */
bool page_next(struct scan *s, struct page_entry *out);

/* What an account notes of a conversation. */
struct page_conversation {
	struct id conv;
	uint64_t read_ms; /* what was received until then is read */
	uint64_t muted_until_ms; /* 0: not; UINT64_MAX: for good */
	bool mutes; /* for mail_note: muted_until_ms is to be noted; not kept */
	bool newer; /* a newer version has noted more: it is not written over */
};

/* Its id, and its bytes, appended. */
struct id page_conversation_id(const struct id *conv);
void page_put_conversation(
    struct buf *plain, const struct page_conversation *c);
/* errors: record-corrupt. */
MUST_CHECK int page_take_conversation(
    struct bytes plain, struct page_conversation *out, struct err *e);

/* Of an item: not by its number and when it came, as it may come again. */
struct id page_raw_id(struct bytes item);
void page_put_raw(struct buf *plain, struct bytes item);
/* Borrows. errors: record-corrupt. */
MUST_CHECK int page_take_raw(
    struct bytes plain, struct bytes *item, struct err *e);
