/* SPDX-License-Identifier: ISC */
/* depot_remote.h: a depot that is a server. */
#pragma once

#include "link/depot.h"
#include "link/remote.h"

/* remote is borrowed and must outlive the depot. */
struct depot *depot_remote_new(struct remote *r);
