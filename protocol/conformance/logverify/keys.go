package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// keys are what a log is checked with: log-bundle.md §4.
type keys struct {
	enrolled note.Verifier
	peers    []note.Verifier
}

type vkey struct {
	name string
	kind byte
	note.Verifier
}

func parseVkey(text string) (*vkey, error) {
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 {
		return nil, malformed("key: not name+id+key")
	}
	raw, err := strictBase64(parts[2])
	if err != nil {
		return nil, malformed("key: %v", err)
	}
	if len(raw) == 0 || raw[0] != 1 && raw[0] != 4 {
		return nil, unsupported("key: kind")
	}
	if len(raw) != 1+ed25519.PublicKeySize {
		return nil, malformed("key: length")
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), raw...))
	if id, err := hex.DecodeString(parts[1]); err != nil || parts[1] != hex.EncodeToString(id) || !bytes.Equal(id, sum[:4]) {
		return nil, malformed("key: id")
	}
	// The name is held to the rules of package note, whatever the kind.
	log, err := note.NewEd25519VerifierKey(parts[0], raw[1:])
	if err != nil {
		return nil, malformed("key: %v", err)
	}
	verifier, err := note.NewVerifier(log)
	if err != nil {
		return nil, malformed("key: %v", err)
	}
	if raw[0] == 4 {
		verifier = &cosigner{parts[0], binary.BigEndian.Uint32(sum[:4]), raw[1:]}
	}
	return &vkey{parts[0], raw[0], verifier}, nil
}

func chooseKeys(text, origin string) (*keys, error) {
	own := strings.Split(origin, "/")[1]
	found, known := &keys{}, map[string]bool{}
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || known[line] {
			continue
		}
		known[line] = true
		key, err := parseVkey(line)
		if err != nil {
			return nil, err
		}
		switch {
		case key.kind == 1 && key.name == origin && found.enrolled != nil:
			return nil, tampered("two keys are given for this log")
		case key.kind == 1 && key.name == origin:
			found.enrolled = key
		case key.kind == 4 && key.name != own:
			found.peers = append(found.peers, key)
		}
	}
	if found.enrolled == nil {
		return nil, tampered("it is of a log that the given keys are not for")
	}
	return found, nil
}

// checkSaidKeys looks at the file `keys` of the bundle and takes nothing from it.
func checkSaidKeys(text, origin string) error {
	if !strings.HasSuffix(text, "\n") {
		return malformed("keys: no newline at the end")
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > maxKeys {
		return malformed("keys: too many")
	}
	names := map[string]bool{}
	for i, line := range lines {
		key, err := parseVkey(line)
		if err != nil {
			return err
		}
		first := i == 0 && key.kind == 1 && key.name == origin
		later := i > 0 && key.kind == 4 && !names[key.name]
		if !first && !later {
			return malformed("keys: not the log's and other devices'")
		}
		names[key.name] = i > 0
	}
	return nil
}
