/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The factory (doc/token-protocol.md 7): what gives a token its keys, its certificates and its unlock key.
 *
 *	factory init DIR                                    root, device CA, attestation CA
 *	personalize --factory DIR --master URI ... FILE...  one token after the other
 *
 * Both get their own words, the command's name first, and return the exit status.
 */
#ifndef UKEY_EMU_FACTORY_H
#define UKEY_EMU_FACTORY_H

int factory_main(int argc, char **argv);
int personalize_main(int argc, char **argv);

#endif
