package main

import (
	"bytes"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const maxGroup = 64

// A chain is a log as far as it was checked: access-log.md §8, for an outsider.
type chain struct {
	origin    string
	key       note.Verifier // of the next head; nil after retire
	peers     []note.Verifier
	leaves    []*leaf
	hashes    []tlog.Hash
	stored    []tlog.Hash // the tree, as package tlog numbers it
	group     int         // entries since the last head
	places    map[string]*checkpoint
	last      *checkpoint
	witnessed int64
}

func newChain(origin string, k *keys) *chain {
	return &chain{origin: origin, key: k.enrolled, peers: k.peers, places: map[string]*checkpoint{}}
}

func (c *chain) size() int64 { return int64(len(c.leaves)) }

// ReadHashes makes the chain a tlog.HashReader.
func (c *chain) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		found[i] = c.stored[index]
	}
	return found, nil
}

// take checks one entry, and its head if it closes one.
func (c *chain) take(at int64, hash tlog.Hash, data, head []byte) error {
	if tlog.RecordHash(data) != hash {
		return tampered("entry %d: leaf and hash differ", at)
	}
	l, err := parseLeaf(data)
	if err != nil {
		return tampered("entry %d: %v", at, err)
	}
	if l.seq != uint64(at) { // step 1
		return tampered("entry %d: holds another entry's leaf", at)
	}
	first := l.kind == genesis || l.kind == incarnation
	if first != (at == 0) || c.key == nil { // step 4
		return tampered("entry %d: of a type that does not belong there", at)
	}
	if c.group > 0 {
		before := c.leaves[at-1]
		if before.kind == retire {
			return tampered("entry %d: after the log was retired", at)
		}
		if !bytes.Equal(before.next, l.next) || c.group >= maxGroup { // step 8
			return tampered("entry %d: a head is missing before it", at)
		}
	}
	hashes, err := tlog.StoredHashesForRecordHash(at, hash, c)
	if err != nil {
		return tampered("entry %d: %v", at, err)
	}
	c.stored = append(c.stored, hashes...)
	c.leaves, c.hashes = append(c.leaves, l), append(c.hashes, hash)
	c.group++
	if len(head) > 0 {
		return c.close(head)
	}
	return nil
}

// close checks a head: by the key that §7.1 gives, for this place, over this tree.
func (c *chain) close(data []byte) error {
	size := c.size()
	signed, err := parseNote(data)
	if err != nil {
		return tampered("head %d: %v", size, err)
	}
	own := 0
	for _, line := range signed.lines {
		if line.name == c.origin {
			own++
		}
	}
	count, err := signed.by(c.key) // step 5
	if err != nil || count != 1 || own != 1 {
		return tampered("head %d: not signed once, by the key that was named for it", size)
	}
	head, err := parseCheckpoint(signed.text)
	if err != nil || head.origin != c.origin || head.size != size { // step 6
		return tampered("head %d: signed for another place", size)
	}
	root, err := tlog.TreeHash(size, c)
	if err != nil || root != head.root { // step 7
		return tampered("head %d: not over these entries", size)
	}
	if err := c.extends(head); err != nil {
		return err
	}
	for _, peer := range c.peers {
		count, err := signed.by(peer)
		if err != nil {
			return tampered("head %d: a countersignature is not valid", size)
		}
		if count > 0 {
			c.witnessed = size
		}
	}
	c.places[string(data)], c.last, c.group = head, head, 0
	return c.follow(c.leaves[size-1].next)
}

// extends checks that the tree of head begins with that of the head before it.
func (c *chain) extends(head *checkpoint) error {
	if c.last == nil {
		return nil
	}
	path, err := tlog.ProveTree(head.size, c.last.size, c)
	if err == nil {
		err = tlog.CheckTree(path, head.size, head.root, c.last.size, c.last.root)
	}
	if err != nil {
		return tampered("head %d: does not extend head %d", head.size, c.last.size)
	}
	return nil
}

// follow takes the key that the last leaf names.
func (c *chain) follow(next []byte) error {
	c.key = nil
	if next == nil {
		return nil
	}
	spelt, err := note.NewEd25519VerifierKey(c.origin, next)
	if err == nil {
		c.key, err = note.NewVerifier(spelt)
	}
	if err != nil {
		return tampered("head %d: names no key", c.size())
	}
	return nil
}

func (c *chain) finish() error {
	if c.group > 0 || c.size() == 0 { // step 9
		return tampered("head %d: missing", c.size())
	}
	return nil
}

// weigh holds a head that came back from a peer against the log: step 10.
func (c *chain) weigh(data []byte) error {
	signed, err := parseNote(data)
	if err != nil {
		return malformed("seen: %v", err)
	}
	head, err := parseCheckpoint(signed.text)
	if err != nil {
		return malformed("seen: %v", err)
	}
	if head.origin != c.origin {
		return nil
	}
	for _, peer := range c.peers {
		count, err := signed.by(peer)
		if err != nil {
			return tampered("a countersignature of head %d is not valid", head.size)
		}
		if count == 0 || head.size == 0 { // nothing is consistent with an empty tree
			continue
		}
		if head.size > c.size() {
			return tampered("cut off: a peer countersigned head %d", head.size)
		}
		root, err := tlog.TreeHash(head.size, c)
		if err != nil || root != head.root {
			return tampered("forked: a peer countersigned a different head %d", head.size)
		}
		if head.size > c.witnessed {
			c.witnessed = head.size
		}
	}
	return nil
}

func (c *chain) level() string {
	switch {
	case c.witnessed > 0:
		return "witnessed"
	case len(c.peers) > 0:
		return "sealed"
	}
	return "unanchored"
}
