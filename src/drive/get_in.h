/* SPDX-License-Identifier: ISC */
/* get_in.h: what the parts of get share. For get*.c only. */
#pragma once

#include "drive/content_out.h"
#include "drive/edit_in.h"
#include "drive/get.h"
#include "files/place.h"

#include <pthread.h>
#include <sys/types.h>

#define GET_FILES 200 /* of one window: they are open at once */
#define GET_LOCKS 16

struct get_file {
	struct buf path; /* below the target */
	struct id id;
	struct buf plain; /* its record; n borrows from it */
	struct node n;
	struct content_out content;
	struct entry x;
	struct place_file out;
	uint32_t left; /* chunks */
	enum get_what what;
	bool begun, whole, failed;
	struct err why;
};

/* Files of a window, fetched together. */
struct get_window {
	struct edit *d;
	const struct get_ask *ask;
	struct place *place;
	struct place *over; /* the same folder, for GET_OVER; or NULL */
	struct fetch *fetch;
	struct source *source;
	mode_t mask; /* umask */
	struct get_file files[GET_FILES];
	size_t n;
	uint64_t bytes;
	pthread_mutex_t locks[GET_LOCKS];
};

/* Of one whose d, ask and mask are set. */
void get_window_begin(struct get_window *w);
/* For all that begin made, and the places. */
void get_window_free(struct get_window *w);
/* One more; *full: run it now. What fails is noted in the file. */
void get_window_add(
    struct get_window *w, const struct id *id, struct bytes path, bool *full);
/* Fetch and write all. errors: what stops it all. */
MUST_CHECK int get_window_run(struct get_window *w, struct err *e);
/* For the next. */
void get_window_clear(struct get_window *w);
