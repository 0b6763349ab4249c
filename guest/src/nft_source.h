/* Whose address a frame may come from: no port of a bridge sends with the address of another (guest/ENGINE.md, Networks). */
#pragma once
#include <stdint.h>
#include "err.h"

/*
 * `address` (network byte order), and the hardware address made of it, are from now on for the port in the device group of that
 * number, and `gateway` for nobody. Makes the table at its first use; twice is fine.
 */
int nft_own(uint32_t address, uint32_t gateway, struct err *e);
/* Anybody's again; that it is already is fine. */
void nft_disown(uint32_t address);
