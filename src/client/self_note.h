/* SPDX-License-Identifier: ISC */
/* self_note.h: what the account notes in its state zone, by kind. */
#pragma once

#include "client/self.h"

/* The id of a record of the state zone: of a kind, about something or NULL. */
struct id self_state_id(const char *what, const struct id *about);
