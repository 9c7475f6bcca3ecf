// Command logverify checks a log bundle: protocol/log-bundle.md.
//
// It was written from the pages of protocol/ alone and shares no code with the
// program. Signatures of notes, tree hashes and proofs are checked with the
// packages note and tlog of golang.org/x/mod/sumdb. It opens no connection.
//
//	logverify [-json] [-seen FILE] -keys FILE DIR
//
// It exits with 0 if nothing was found wrong, 1 if the bundle is refused, and 2
// if it was called in the wrong way.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
)

// A refusal is one of the results of protocol/README.md §4, with where and what.
type refusal struct {
	Result string `json:"result"`
	Reason string `json:"reason"`
}

func (r *refusal) Error() string { return r.Result + ": " + r.Reason }

func malformed(format string, args ...any) error {
	return &refusal{"malformed", fmt.Sprintf(format, args...)}
}

func unsupported(format string, args ...any) error {
	return &refusal{"unsupported", fmt.Sprintf(format, args...)}
}

func tampered(format string, args ...any) error {
	return &refusal{"tampered", fmt.Sprintf(format, args...)}
}

// An outcome is what checking came to when nothing was found wrong.
type outcome struct {
	Result        string  `json:"result"`
	Origin        string  `json:"origin"`
	Size          int64   `json:"size"`
	Level         string  `json:"level"`
	WitnessedSize int64   `json:"witnessed_size"`
	Shown         []shown `json:"shown"`
}

func main() {
	keys := flag.String("keys", "", "file of vkeys, one a line")
	seen := flag.String("seen", "", "head that another device countersigned, from that device")
	asJSON := flag.Bool("json", false, "print one JSON object")
	flag.Parse()
	if *keys == "" || flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: logverify [-json] [-seen FILE] -keys FILE DIR")
		os.Exit(2)
	}
	text, err := os.ReadFile(*keys)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error: the file of keys cannot be read")
		os.Exit(2)
	}
	var heads [][]byte
	if *seen != "" {
		head, err := os.ReadFile(*seen)
		if err != nil {
			fmt.Fprintln(os.Stderr, "error: the countersigned head cannot be read")
			os.Exit(2)
		}
		heads = append(heads, head)
	}
	found, err := check(flag.Arg(0), string(text), heads)
	if *asJSON {
		var answer any = found
		if err != nil {
			answer = err
		}
		json.NewEncoder(os.Stdout).Encode(answer)
	} else if err == nil {
		found.print()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
}

// check returns the outcome, or the first refusal.
func check(folder, keyText string, heads [][]byte) (*outcome, error) {
	b, err := readBundle(folder)
	if err != nil {
		return nil, err
	}
	keys, err := chooseKeys(keyText, b.origin)
	if err != nil {
		return nil, err
	}
	c := newChain(b.origin, keys)
	for i := range b.leaves {
		if err := c.take(int64(i), b.hashes[i], b.leaves[i], b.heads[i]); err != nil {
			return nil, err
		}
	}
	if err := c.finish(); err != nil {
		return nil, err
	}
	for _, note := range append(heads, b.seen...) {
		if err := c.weigh(note); err != nil {
			return nil, err
		}
	}
	said, err := c.open(b)
	if err != nil {
		return nil, err
	}
	return &outcome{"ok", b.origin, c.size(), c.level(), c.witnessed, said}, nil
}

func (o *outcome) print() {
	fmt.Printf("nothing was found wrong with the log %s (%d entries)\n", o.Origin, o.Size)
	fmt.Printf("level: %s", o.Level)
	if o.Level == "witnessed" {
		fmt.Printf(", %d entries countersigned", o.WitnessedSize)
	}
	fmt.Println()
	for _, one := range o.Shown {
		fmt.Printf("entry %d %s\n", one.Index, one.Says)
	}
}
