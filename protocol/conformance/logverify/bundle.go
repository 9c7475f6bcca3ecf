package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileWidth   = 256
	maxLeaf     = 1024
	maxHead     = 1 << 14
	maxSeen     = 64
	maxKeys     = 64
	maxKeysFile = 1 << 16
	maxProof    = 1 << 15
	maxOpening  = 4096 + 64
)

var (
	originShape = regexp.MustCompile(`^[0-9a-f]{32}/[0-9a-f]{32}/[1-9][0-9]{0,9}$`)
	sizeShape   = regexp.MustCompile(`^[1-9][0-9]{0,9}$`)
	indexShape  = regexp.MustCompile(`^(0|[1-9][0-9]{0,9})$`)
)

// A bundle is what the folder holds; nothing in it is believed yet.
type bundle struct {
	origin   string
	hashes   []tlog.Hash
	leaves   [][]byte
	heads    [][]byte
	seen     [][]byte
	openings map[int64]opening
	proofs   map[int64]proof
}

// readBundle is log-bundle.md §5, step 1.
func readBundle(folder string) (*bundle, error) {
	about, err := read(folder, "bundle", 1<<10)
	if err != nil {
		return nil, err
	}
	origin, size, err := parseFacts(string(about))
	if err != nil {
		return nil, err
	}
	opened, err := checkNames(folder, size)
	if err != nil {
		return nil, err
	}
	b := &bundle{origin: origin, openings: map[int64]opening{}, proofs: map[int64]proof{}}
	said, err := read(folder, "keys", maxKeysFile)
	if err != nil {
		return nil, err
	}
	if err := checkSaidKeys(string(said), origin); err != nil {
		return nil, err
	}
	if err := b.readSeen(folder); err != nil {
		return nil, err
	}
	for _, index := range opened {
		data, err := read(folder, fmt.Sprintf("opening/%d", index), maxOpening)
		if err != nil {
			return nil, err
		}
		if b.openings[index], err = parseOpening(data); err != nil {
			return nil, err
		}
		if data, err = read(folder, fmt.Sprintf("proof/%d", index), maxProof); err != nil {
			return nil, err
		}
		if b.proofs[index], err = parseProof(data); err != nil {
			return nil, err
		}
	}
	for start := int64(0); start < size; start += tileWidth {
		if err := b.readTile(folder, start, min(size-start, tileWidth)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// §3.1
func parseFacts(text string) (string, int64, error) {
	lines := strings.Split(text, "\n")
	if lines[0] != "clisk/1/log-bundle" {
		if strings.HasPrefix(lines[0], "clisk/") && strings.HasSuffix(lines[0], "/log-bundle") && len(lines) > 1 && lines[len(lines)-1] == "" {
			return "", 0, unsupported("bundle: version")
		}
		return "", 0, malformed("bundle: first line")
	}
	if len(lines) != 4 || lines[3] != "" || !originShape.MatchString(lines[1]) || !sizeShape.MatchString(lines[2]) {
		return "", 0, malformed("bundle: not origin and size")
	}
	size, _ := strconv.ParseInt(lines[2], 10, 64)
	if size >= 1<<32 {
		return "", 0, malformed("bundle: size")
	}
	return lines[1], size, nil
}

// §3.3: hashes, leaves and heads of up to 256 entries.
func (b *bundle) readTile(folder string, start, width int64) error {
	paths := tilePaths(start, width)
	data, err := read(folder, paths[0], int(width)*tlog.HashSize)
	if err != nil {
		return err
	}
	if len(data) != int(width)*tlog.HashSize {
		return malformed("%s: length", paths[0])
	}
	for ; len(data) > 0; data = data[tlog.HashSize:] {
		var hash tlog.Hash
		copy(hash[:], data)
		b.hashes = append(b.hashes, hash)
	}
	leaves, err := readFramed(folder, paths[1], maxLeaf, int(width))
	if err != nil {
		return err
	}
	heads, err := readFramed(folder, paths[2], maxHead, int(width))
	if err != nil {
		return err
	}
	if len(leaves) != int(width) || len(heads) != int(width) {
		return malformed("%s: number of entries", paths[1])
	}
	b.leaves = append(b.leaves, leaves...)
	b.heads = append(b.heads, heads...)
	return nil
}

func (b *bundle) readSeen(folder string) error {
	notes, err := readFramed(folder, "seen", maxHead, maxSeen)
	if err != nil {
		return err
	}
	for _, data := range notes {
		note, err := parseNote(data)
		if err != nil {
			return malformed("seen: %v", err)
		}
		if _, err := parseCheckpoint(note.text); err != nil {
			return malformed("seen: %v", err)
		}
	}
	b.seen = notes
	return nil
}

func readFramed(folder, path string, longest, most int) ([][]byte, error) {
	data, err := read(folder, path, most*(2+longest))
	if err != nil {
		return nil, err
	}
	var parts [][]byte
	for len(data) > 0 {
		if len(data) < 2 {
			return nil, malformed("%s: cut short", path)
		}
		length := int(data[0])<<8 | int(data[1])
		data = data[2:]
		if length > len(data) || length > longest || len(parts) == most {
			return nil, malformed("%s: cut short, or too long", path)
		}
		parts = append(parts, data[:length])
		data = data[length:]
	}
	return parts, nil
}

// tilePaths names the three files of the entries from start on, as C2SP tlog-tiles does.
func tilePaths(start, width int64) [3]string {
	n := start / tileWidth
	name := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		name = fmt.Sprintf("x%03d/%s", n%1000, name)
	}
	if width < tileWidth {
		name = fmt.Sprintf("%s.p/%d", name, width)
	}
	return [3]string{"tile/0/" + name, "tile/entries/" + name, "heads/" + name}
}

// checkNames refuses any file too many or too few and returns what was opened.
func checkNames(folder string, size int64) ([]int64, error) {
	wanted := map[string]bool{"bundle": true, "keys": true, "seen": true}
	for start := int64(0); start < size; start += tileWidth {
		paths := tilePaths(start, min(size-start, tileWidth))
		for _, path := range paths {
			wanted[path] = true
		}
		// A size that is a lie costs no more than the files that are there.
		if _, err := os.Lstat(filepath.Join(folder, paths[0])); err != nil {
			return nil, malformed("a tile is missing")
		}
	}
	folders := map[string]bool{".": true, "opening": true, "proof": true}
	for path := range wanted {
		for dir := filepath.Dir(path); dir != "."; dir = filepath.Dir(dir) {
			folders[dir] = true
		}
	}
	opened := map[string]map[int64]bool{"opening": {}, "proof": {}}
	err := filepath.WalkDir(folder, func(full string, entry fs.DirEntry, err error) error {
		if err != nil {
			return malformed("a folder cannot be read")
		}
		path, _ := filepath.Rel(folder, full)
		path = filepath.ToSlash(path)
		if entry.IsDir() && folders[path] {
			return nil
		}
		if !entry.Type().IsRegular() {
			return malformed("a link or folder that does not belong there")
		}
		kind, name, _ := strings.Cut(path, "/")
		if of, ok := opened[kind]; ok && indexShape.MatchString(name) {
			if index, _ := strconv.ParseInt(name, 10, 64); index < size {
				of[index] = true
				return nil
			}
		}
		if !wanted[path] {
			return malformed("a file that does not belong there")
		}
		delete(wanted, path)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(wanted) > 0 || len(opened["opening"]) != len(opened["proof"]) {
		return nil, malformed("a file is missing")
	}
	var indexes []int64
	for index := int64(0); len(indexes) < len(opened["opening"]); index++ {
		if opened["opening"][index] {
			if !opened["proof"][index] {
				return nil, malformed("an opening without a proof")
			}
			indexes = append(indexes, index)
		}
	}
	return indexes, nil
}

func read(folder, path string, most int) ([]byte, error) {
	flags := os.O_RDONLY | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	file, err := os.OpenFile(filepath.Join(folder, path), flags, 0)
	if err != nil {
		return nil, malformed("%s: missing", path)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, malformed("%s: not a plain file", path)
	}
	data, err := io.ReadAll(io.LimitReader(file, int64(most)+1))
	if err != nil || len(data) > most {
		return nil, malformed("%s: too long", path)
	}
	return data, nil
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}
