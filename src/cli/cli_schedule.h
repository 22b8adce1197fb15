/* SPDX-License-Identifier: ISC */
/* cli_schedule.h: what the commands for backups by themselves share. */
#pragma once

#include "cli/cli_backup.h"
#include "schedule/due.h"
#include "schedule/units.h"

/* Tell the account's server when this device backed up last, or that it does so
 * no more; what it does not hear now it hears next time. */
MUST_CHECK int cli_schedule_tell(
    struct self *s, bool enabled, uint64_t last_ms, struct err *e);

/* Forget what the plan's rules do not keep of its own snapshots, and prune now
 * and then. What goes wrong stands in s and is no failure of the backup. */
void cli_schedule_keep(
    struct cli *cli, const struct plan *p, struct plan_state *s);

/* All plans of this home; says so when there are none. errors: as plan_read. */
MUST_CHECK int cli_schedule_plans(const struct cli *cli, const char *home,
    struct plan_all *out, struct err *e);
/* One plan on standard output. */
void cli_schedule_show(const struct cli *cli, const struct plan *p);

/* Out of the account: what backed up to it by itself does so no more. */
void cli_schedule_left(const struct cli *cli);
/* Append "code" and "message" of each plan here that is late to alerts; *worst,
 * unless it says something already, is of the first. */
void cli_schedule_alerts(
    const struct cli *cli, json_t *alerts, struct err *worst);
