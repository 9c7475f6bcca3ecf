package main

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// The part of CBOR that leaves, contents and openings use: maps from small
// unsigned integers to unsigned integers, byte strings, text and such maps, in
// their one deterministic spelling (RFC 8949 §4.2.1).

var errCBOR = errors.New("not deterministic CBOR of the kind used here")

type fields map[uint64]any // uint64, []byte, string or fields

func parseMap(data []byte) (fields, error) {
	value, rest, err := parseValue(data, 0)
	if err != nil {
		return nil, err
	}
	whole, ok := value.(fields)
	if !ok || len(rest) > 0 {
		return nil, errCBOR
	}
	return whole, nil
}

func parseHead(data []byte) (major byte, argument uint64, rest []byte, err error) {
	if len(data) == 0 {
		return 0, 0, nil, errCBOR
	}
	major, low := data[0]>>5, data[0]&31
	data = data[1:]
	if low < 24 {
		return major, uint64(low), data, nil
	}
	if low > 27 || len(data) < 1<<(low-24) {
		return 0, 0, nil, errCBOR
	}
	width := 1 << (low - 24)
	for _, b := range data[:width] {
		argument = argument<<8 | uint64(b)
	}
	// The shortest head, and no other.
	least := map[int]uint64{1: 24, 2: 1 << 8, 4: 1 << 16, 8: 1 << 32}[width]
	if argument < least {
		return 0, 0, nil, errCBOR
	}
	return major, argument, data[width:], nil
}

func parseValue(data []byte, depth int) (any, []byte, error) {
	major, argument, rest, err := parseHead(data)
	if err != nil || depth > 4 {
		return nil, nil, errCBOR
	}
	switch major {
	case 0:
		return argument, rest, nil
	case 2, 3:
		if argument > uint64(len(rest)) {
			return nil, nil, errCBOR
		}
		part := rest[:argument]
		if major == 2 {
			return part, rest[argument:], nil
		}
		if !utf8.Valid(part) {
			return nil, nil, errCBOR
		}
		return string(part), rest[argument:], nil
	case 5:
		return parseFields(argument, rest, depth)
	}
	return nil, nil, errCBOR
}

func parseFields(count uint64, rest []byte, depth int) (any, []byte, error) {
	found := fields{}
	var before []byte
	for ; count > 0; count-- {
		start := rest
		major, key, after, err := parseHead(rest)
		if err != nil || major != 0 {
			return nil, nil, errCBOR
		}
		spelt := start[:len(start)-len(after)]
		if before != nil && bytes.Compare(before, spelt) >= 0 {
			return nil, nil, errCBOR // out of order, or twice
		}
		before = spelt
		if found[key], rest, err = parseValue(after, depth+1); err != nil {
			return nil, nil, errCBOR
		}
	}
	return found, rest, nil
}

// shape checks that all of must and only must and may are there, by kind: 'u', 'b', 't', 'm'.
func (f fields) shape(must, may map[uint64]byte) bool {
	for key := range must {
		if _, ok := f[key]; !ok {
			return false
		}
	}
	for key, value := range f {
		kind, ok := must[key]
		if !ok {
			kind, ok = may[key]
		}
		if !ok || kindOf(value) != kind {
			return false
		}
	}
	return true
}

func kindOf(value any) byte {
	switch value.(type) {
	case uint64:
		return 'u'
	case []byte:
		return 'b'
	case string:
		return 't'
	}
	return 'm'
}
