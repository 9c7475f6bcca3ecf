package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const maxLines = 64

var errNote = errors.New("not a signed note")

// A signedNote is split here so that each line can be checked alone: note.Open
// drops the second of two lines by one key, takes up to 100, and reads base64
// with stray bits at its end. access-log.md §4.1 is stricter.
type signedNote struct {
	text  string
	lines []signatureLine
}

type signatureLine struct {
	name string
	id   uint32
	raw  string
}

func parseNote(data []byte) (*signedNote, error) {
	split := bytes.LastIndex(data, []byte("\n\n"))
	if split < 0 || len(data) > 1<<16 || !bytes.HasSuffix(data, []byte("\n")) || split+2 >= len(data) {
		return nil, errNote
	}
	n := &signedNote{text: string(data[:split+1])}
	for _, raw := range strings.Split(strings.TrimSuffix(string(data[split+2:]), "\n"), "\n") {
		rest := strings.TrimPrefix(raw, "— ")
		name, encoded, _ := strings.Cut(rest, " ")
		signature, err := strictBase64(encoded)
		if err != nil || len(signature) < 5 || rest == raw {
			return nil, errNote
		}
		n.lines = append(n.lines, signatureLine{name, binary.BigEndian.Uint32(signature), raw})
		// Whatever else note asks of names and text, it says when it is handed
		// the line; without a known key that is an UnverifiedNoteError.
		_, err = note.Open(n.with(raw), note.VerifierList())
		var unknown *note.UnverifiedNoteError
		if !errors.As(err, &unknown) {
			return nil, errNote
		}
	}
	if len(n.lines) > maxLines {
		return nil, errNote
	}
	return n, nil
}

// with returns the note as if it had that one line.
func (n *signedNote) with(line string) []byte {
	return []byte(n.text + "\n" + line + "\n")
}

// by checks every line under the name and id of key, and returns how many there are.
func (n *signedNote) by(key note.Verifier) (int, error) {
	count := 0
	for _, line := range n.lines {
		if line.name != key.Name() || line.id != key.KeyHash() {
			continue
		}
		if _, err := note.Open(n.with(line.raw), note.VerifierList(key)); err != nil {
			return 0, err
		}
		count++
	}
	return count, nil
}

// A checkpoint is read here: tlog.ParseTree takes those of one log in the world.
type checkpoint struct {
	origin string
	size   int64
	root   tlog.Hash
}

func parseCheckpoint(text string) (*checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] == "" || lines[3] != "" {
		return nil, errors.New("not a checkpoint of three lines")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return nil, errors.New("not a plain number")
	}
	root, err := strictBase64(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return nil, errors.New("not a root")
	}
	c := &checkpoint{origin: lines[0], size: size}
	copy(c.root[:], root)
	return c, nil
}

func strictBase64(text string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || base64.StdEncoding.EncodeToString(raw) != text {
		return nil, errors.New("not the one spelling in base64")
	}
	return raw, nil
}

// A cosigner checks cosignature/v1 (C2SP tlog-cosignature v1.0.1).
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }
func (c *cosigner) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	seconds := binary.BigEndian.Uint64(signature)
	if seconds > 1<<63-1 {
		return false
	}
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", seconds, text)
	return ed25519.Verify(c.key, []byte(message), signature[8:])
}
