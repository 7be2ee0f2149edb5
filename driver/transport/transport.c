/* SPDX-License-Identifier: Apache-2.0 */
#include "driver/transport/transport.h"

static const struct transport_ops *chosen = &transport_pcsc;
static void *chosen_arg;

void transport_use(const struct transport_ops *ops, void *arg)
{
	chosen = ops ? ops : &transport_pcsc;
	chosen_arg = arg;
}

const struct transport_ops *transport_chosen(void **arg)
{
	*arg = chosen_arg;
	return chosen;
}
