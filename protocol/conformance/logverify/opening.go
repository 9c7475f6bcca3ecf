package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// An opening gives one entry away: log-bundle.md §3.5.
type opening struct{ key, padded []byte }

func parseOpening(data []byte) (opening, error) {
	f, err := parseMap(data)
	if err != nil || !f.shape(map[uint64]byte{1: 'b', 2: 'b'}, nil) {
		return opening{}, malformed("opening: shape")
	}
	o := opening{f[1].([]byte), f[2].([]byte)}
	if len(o.key) != 32 || len(o.padded) == 0 || len(o.padded)%256 != 0 || len(o.padded) > 4096 {
		return opening{}, malformed("opening: lengths")
	}
	return o, nil
}

// A proof is a C2SP tlog-proof: §3.6.
type proof struct {
	index int64
	path  tlog.RecordProof
	head  []byte
}

func parseProof(data []byte) (proof, error) {
	above, head, found := bytes.Cut(data, []byte("\n\n"))
	lines := strings.Split(string(above), "\n")
	if !found || len(lines) < 2 || len(lines) > 65 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return proof{}, malformed("proof: shape")
	}
	number := strings.TrimPrefix(lines[1], "index ")
	if number == lines[1] || !indexShape.MatchString(number) {
		return proof{}, malformed("proof: index")
	}
	p := proof{head: head}
	p.index, _ = strconv.ParseInt(number, 10, 64)
	for _, line := range lines[2:] {
		raw, err := strictBase64(line)
		if err != nil || len(raw) != tlog.HashSize {
			return proof{}, malformed("proof: hash")
		}
		var hash tlog.Hash
		copy(hash[:], raw)
		p.path = append(p.path, hash)
	}
	if _, err := parseNote(head); err != nil {
		return proof{}, malformed("proof: %v", err)
	}
	return p, nil
}

// shown is what one opened entry says.
type shown struct {
	Index int64  `json:"index"`
	Type  string `json:"type"`
	Says  string `json:"says"`
}

// open checks what was opened: §5, steps 5 and 6.
func (c *chain) open(b *bundle) ([]shown, error) {
	said := []shown{}
	for at, o := range b.openings {
		p, l := b.proofs[at], c.leaves[at]
		head := c.places[string(p.head)]
		if p.index != at || head == nil || head.size <= at {
			return nil, tampered("proof %d: of another entry, or in another head", at)
		}
		if err := tlog.CheckRecord(p.path, head.size, head.root, at, c.hashes[at]); err != nil {
			return nil, tampered("proof %d: does not lead to its head", at)
		}
		mac := hmac.New(sha256.New, o.key)
		mac.Write([]byte("clisk/1/log-commitment"))
		mac.Write(o.padded)
		if !hmac.Equal(mac.Sum(nil), l.commitment) {
			return nil, tampered("entry %d: not what its leaf commits to", at)
		}
		found, err := parseContent(o.padded)
		if err != nil {
			return nil, tampered("entry %d: %v", at, err)
		}
		if !found.fits(l.kind) || hex.EncodeToString(found.device) != strings.Split(b.origin, "/")[1] {
			return nil, tampered("entry %d: does not fit its leaf or its device", at)
		}
		quoted := make([]string, len(found.words))
		for i, words := range found.words {
			quoted[i] = strconv.QuoteToASCII(words)
		}
		said = append(said, shown{at, typeNames[l.kind], strings.Join(quoted, " ")})
	}
	sort.Slice(said, func(i, j int) bool { return said[i].Index < said[j].Index })
	return said, nil
}
