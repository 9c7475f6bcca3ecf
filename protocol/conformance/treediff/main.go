// Command treediff answers questions about trees and notes by the packages tlog
// and note of golang.org/x/mod/sumdb, for the differential tests of the program.
//
// It reads one JSON object a line and writes one answer a line. Byte strings are
// hex. A check that fails is answered {"ok":false}.
package main

import (
	"bufio"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type question struct {
	Ask    string   `json:"ask"`
	Leaves []string `json:"leaves"` // data, not hashes
	First  int64    `json:"first"`
	Second int64    `json:"second"`
	Leaf   string   `json:"leaf"` // a hash
	Proof  []string `json:"proof"`
	Old    string   `json:"old"`
	Root   string   `json:"root"`
	Note   string   `json:"note"`
	Text   string   `json:"text"`
	Keys   []string `json:"keys"`
	Seed   string   `json:"seed"`
	Name   string   `json:"name"`
}

type answer struct {
	OK     bool       `json:"ok"`
	Roots  []string   `json:"roots,omitempty"`
	Proofs [][]string `json:"proofs,omitempty"`
	Tiles  []tile     `json:"tiles,omitempty"`
	Note   string     `json:"note,omitempty"`
	Key    string     `json:"key,omitempty"`
	Text   string     `json:"text,omitempty"`
	By     []string   `json:"by,omitempty"`
	Path   string     `json:"path,omitempty"`
}

type tile struct {
	Path string `json:"path"`
	Data string `json:"data"`
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<28)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var q question
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			fail(err)
		}
		out.Encode(reply(&q))
	}
	if err := in.Err(); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "treediff:", err)
	os.Exit(2)
}

func reply(q *question) answer {
	switch q.Ask {
	case "roots":
		return roots(q)
	case "inclusion proofs":
		return inclusionProofs(q)
	case "consistency proofs":
		return consistencyProofs(q)
	case "tiles":
		return tiles(q)
	case "tile path":
		t, err := tlog.ParseTilePath(q.Text)
		return answer{OK: err == nil && t.H == 8, Path: t.Path()}
	case "check inclusion":
		err := tlog.CheckRecord(hashes(q.Proof), q.Second, hash(q.Root), q.First, hash(q.Leaf))
		return answer{OK: err == nil}
	case "check consistency":
		err := tlog.CheckTree(hashes(q.Proof), q.Second, hash(q.Root), q.First, hash(q.Old))
		return answer{OK: err == nil}
	case "open note":
		return openNote(q)
	case "sign note":
		return signNote(q)
	}
	fail(fmt.Errorf("no such question: %q", q.Ask))
	return answer{}
}

type tree []tlog.Hash

func (t tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, index := range indexes {
		found = append(found, t[index])
	}
	return found, nil
}

func grow(leaves []string) tree {
	var t tree
	for i, leaf := range leaves {
		more, err := tlog.StoredHashes(int64(i), raw(leaf), t)
		if err != nil {
			fail(err)
		}
		t = append(t, more...)
	}
	return t
}

// roots are those of every size from 1 on: of the empty tree this package says zeros.
func roots(q *question) answer {
	t, a := grow(q.Leaves), answer{OK: true}
	for n := 1; n <= len(q.Leaves); n++ {
		root, err := tlog.TreeHash(int64(n), t)
		if err != nil {
			fail(err)
		}
		a.Roots = append(a.Roots, hex.EncodeToString(root[:]))
	}
	return a
}

// inclusionProofs are those of each leaf in the first Second leaves.
func inclusionProofs(q *question) answer {
	t, a := grow(q.Leaves), answer{OK: true}
	for i := int64(0); i < q.Second; i++ {
		proof, err := tlog.ProveRecord(q.Second, i, t)
		if err != nil {
			fail(err)
		}
		a.Proofs = append(a.Proofs, spell(proof))
	}
	return a
}

// consistencyProofs are those from each smaller size to Second.
func consistencyProofs(q *question) answer {
	t, a := grow(q.Leaves), answer{OK: true}
	for n := int64(1); n < q.Second; n++ {
		proof, err := tlog.ProveTree(q.Second, n, t)
		if err != nil {
			fail(err)
		}
		a.Proofs = append(a.Proofs, spell(proof))
	}
	return a
}

func tiles(q *question) answer {
	t, a := grow(q.Leaves), answer{OK: true}
	for _, one := range tlog.NewTiles(8, 0, int64(len(q.Leaves))) {
		data, err := tlog.ReadTileData(one, t)
		if err != nil {
			fail(err)
		}
		a.Tiles = append(a.Tiles, tile{one.Path(), hex.EncodeToString(data)})
	}
	return a
}

func openNote(q *question) answer {
	var known []note.Verifier
	for _, vkey := range q.Keys {
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			return answer{}
		}
		known = append(known, verifier)
	}
	opened, err := note.Open(raw(q.Note), note.VerifierList(known...))
	if err != nil {
		return answer{}
	}
	a := answer{OK: true, Text: opened.Text}
	for _, signature := range opened.Sigs {
		a.By = append(a.By, signature.Name)
	}
	return a
}

func signNote(q *question) answer {
	key := ed25519.NewKeyFromSeed(raw(q.Seed))
	vkey, err := note.NewEd25519VerifierKey(q.Name, key.Public().(ed25519.PublicKey))
	if err != nil {
		return answer{}
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		fail(err)
	}
	signed, err := note.Sign(&note.Note{Text: q.Text}, &signer{v, key})
	if err != nil {
		return answer{}
	}
	return answer{OK: true, Note: hex.EncodeToString(signed), Key: vkey}
}

type signer struct {
	note.Verifier
	key ed25519.PrivateKey
}

func (s *signer) Sign(text []byte) ([]byte, error) {
	return ed25519.Sign(s.key, text), nil
}

func raw(text string) []byte {
	data, err := hex.DecodeString(text)
	if err != nil {
		fail(err)
	}
	return data
}

func hash(text string) (h tlog.Hash) {
	copy(h[:], raw(text))
	return h
}

func hashes(texts []string) (found []tlog.Hash) {
	for _, text := range texts {
		found = append(found, hash(text))
	}
	return found
}

func spell(found []tlog.Hash) []string {
	texts := []string{}
	for _, one := range found {
		texts = append(texts, hex.EncodeToString(one[:]))
	}
	return texts
}
