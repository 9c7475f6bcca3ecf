package main

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

const (
	genesis     = 1
	exported    = 4
	refused     = 5
	witness     = 6
	incarnation = 8
	retire      = 9
	prune       = 10
)

var typeNames = []string{
	"", "genesis", "read", "bulk-read", "export", "refused", "witness", "heartbeat",
	"incarnation", "retire", "prune",
}

// A leaf: access-log.md §5.
type leaf struct {
	kind       uint64
	seq        uint64
	next       []byte
	commitment []byte
}

var errLeaf = errors.New("not a leaf that is known here")

func parseLeaf(data []byte) (*leaf, error) {
	f, err := parseMap(data)
	if err != nil || len(data) > maxLeaf {
		return nil, errLeaf
	}
	must := map[uint64]byte{1: 'u', 2: 'u', 3: 'u', 5: 'b', 6: 'b'}
	if !f.shape(must, map[uint64]byte{4: 'b', 7: 'b', 8: 'u', 9: 'u'}) {
		return nil, errLeaf
	}
	l := &leaf{kind: f[2].(uint64), seq: f[3].(uint64), commitment: f[5].([]byte)}
	next, hasNext := f[4].([]byte)
	_, hasNote := f[7]
	reason, hasReason := f[8].(uint64)
	if f[1].(uint64) != 1 || l.kind < genesis || l.kind > prune || l.seq >= 1<<32 {
		return nil, errLeaf
	}
	if l.kind != incarnation && hasNote != (l.kind == witness) {
		return nil, errLeaf
	}
	if hasReason != (l.kind == incarnation) || hasReason && reason != 1 && reason != 2 {
		return nil, errLeaf
	}
	below, hasBelow := f[9].(uint64)
	if hasBelow != (l.kind == prune) || hasBelow && (below < 1 || below > l.seq) {
		return nil, errLeaf
	}
	if hasNext == (l.kind == retire) || hasNext && len(next) != 32 {
		return nil, errLeaf
	}
	if len(l.commitment) != 32 || len(f[6].([]byte)) != 32 {
		return nil, errLeaf
	}
	l.next = next
	return l, nil
}

// A content is what an entry says: access-log.md §6.1.
type content struct {
	outcome uint64 // 0: a mark
	kind    uint64
	pruned  bool // a mark with a retention policy
	device  []byte
	words   []string
}

var errContent = errors.New("not contents that are known here")

func parseContent(padded []byte) (*content, error) {
	length := int(padded[0])<<8 | int(padded[1])
	end := 2 + length
	if end > len(padded) || len(padded)-end >= 256 || len(bytes.Trim(padded[end:], "\x00")) > 0 {
		return nil, errContent // not padded in its one way
	}
	f, err := parseMap(padded[2:end])
	if err != nil {
		return nil, errContent
	}
	if f.shape(map[uint64]byte{8: 'b', 9: 'u'}, map[uint64]byte{11: 'm'}) {
		c := &content{device: f[8].([]byte)}
		if policy, ok := f[11].(fields); ok {
			c.pruned = true
			if len(policy) == 0 || !policy.shape(nil, map[uint64]byte{1: 'u', 2: 'u'}) {
				return nil, errContent
			}
			for _, limit := range policy {
				if limit.(uint64) < 1 || limit.(uint64) >= 1<<32 {
					return nil, errContent
				}
			}
		}
		return c, c.check(f)
	}
	must := map[uint64]byte{1: 'u', 2: 'm', 5: 't', 8: 'b', 9: 'u', 10: 'u'}
	if !f.shape(must, map[uint64]byte{3: 'b', 4: 't', 6: 't', 7: 'b'}) {
		return nil, errContent
	}
	who := f[2].(fields)
	if !who.shape(map[uint64]byte{1: 'u', 2: 't'}, map[uint64]byte{3: 'b'}) {
		return nil, errContent
	}
	c := &content{outcome: f[1].(uint64), kind: who[1].(uint64), device: f[8].([]byte)}
	digest, hasDigest := who[3].([]byte)
	if c.outcome < 1 || c.outcome > 3 || c.kind < 1 || c.kind > 7 || hasDigest && len(digest) != 32 {
		return nil, errContent
	}
	if use := f[10].(uint64); use < 1 || use > 21 {
		return nil, errContent
	}
	for _, text := range []any{who[2], f[5], f[4], f[6]} {
		if words, ok := text.(string); ok {
			if utf8.RuneCountInString(words) > 512 {
				return nil, errContent
			}
			c.words = append(c.words, words)
		}
	}
	return c, c.check(f)
}

func (c *content) check(f fields) error {
	for _, key := range []uint64{3, 7, 8} {
		if id, ok := f[key].([]byte); ok && len(id) != 16 {
			return errContent
		}
	}
	if f[9].(uint64) >= 1<<48 {
		return errContent
	}
	return nil
}

// fits says whether a leaf of that type may stand for this content.
func (c *content) fits(kind uint64) bool {
	switch {
	case c.outcome == 0:
		return (kind < 2 || kind > refused) && c.pruned == (kind == prune)
	case c.outcome > 1:
		return kind == refused
	case c.kind == 5:
		return kind == exported
	}
	return kind == 2 || kind == 3
}
