/* SPDX-License-Identifier: Apache-2.0 */
#include "common/i18n.h"

void i18n_init(void)
{
	bindtextdomain(I18N_DOMAIN, LOCALEDIR);
}
