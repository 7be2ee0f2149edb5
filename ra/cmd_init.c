/* SPDX-License-Identifier: Apache-2.0 */
/* ukey-ra init: a new CA. */
#include "config.h"

#include <stdio.h>

#include "common/i18n.h"
#include "common/secmem.h"
#include "ra/cadir.h"
#include "ra/cli.h"

enum ra_status cmd_init(const struct cli *cli)
{
	static const char *const default_hosts[] = {"localhost", "127.0.0.1", NULL};
	struct ra_init_plan plan = {
		.dir = cli->dir,
		.subject = cli->name,
		.key = cli->key != NULL ? cli->key : "p256",
		.hosts = cli->hosts[0] != NULL ? cli->hosts : default_hosts,
		.now = cli_now(),
	};
	char *passphrase = NULL;
	enum ra_status status;

	if (cli->name == NULL)
		return ra_fail(RA_USAGE, _("give the CA a name: --name \"CN=Example CA,O=Example,C=CN\""));
	status = cli_passphrase(cli, true, &passphrase);
	if (status == RA_OK) {
		plan.passphrase = passphrase;
		status = ra_cadir_init(&plan);
	}
	secmem_free(passphrase);
	if (status == RA_OK)
		printf(_("The CA is in %s. Next: ukey-ra serve --dir %s\n"), cli->dir, cli->dir);
	return status;
}
