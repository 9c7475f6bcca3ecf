"""Several devices: membership, pairing, envelopes and the relay."""
