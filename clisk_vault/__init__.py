"""One device: keys, items, storage, grants, access log and transfer."""
