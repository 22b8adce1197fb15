/* SPDX-License-Identifier: ISC */
/* depot_remote.h: a depot that is a server. */
#pragma once

#include "client/depot.h"
#include "client/remote.h"

/* remote is borrowed and must outlive the depot. */
struct depot *depot_remote_new(struct remote *r);
