/* SPDX-License-Identifier: Apache-2.0 */
/* Whole messages over stream sockets, for the links that have one. */
#ifndef UKEY_LINK_SOCKET_H
#define UKEY_LINK_SOCKET_H

#include "common/bytes.h"

/* Exactly so many bytes, whatever the pieces. False: the other end is gone, or the socket's time is up. */
bool socket_read_all(int fd, uint8_t *to, size_t n);
bool socket_send_all(int fd, struct bytes data);

#endif
