package bext

import "unicode/utf8"

// text writes a text as well-formed UTF-8. Of one that does not fit as much is written as does, up to a whole
// character, if it may be cut. A text only grows when it is repaired, so no more of it is read than there is room.
// It reports whether all of it was written.
func (w *writer) text(s string, mayBeCut bool) bool {
	room := w.end - w.at
	if len(s) > room && !mayBeCut {
		w.full = true
	}
	if w.full {
		return false
	}
	if len(s) <= 31 && len(s) < room && w.short(s) {
		return true
	}
	if sizeWithHead(len(s)) <= room && utf8.ValidString(s) {
		w.head(uint64(len(s)), headText)
		w.raw(s)
		return true
	}
	return w.repaired(s, room, mayBeCut)
}

// short writes a text of at most 31 bytes, for which there is room, if it is ASCII: the usual case.
func (w *writer) short(s string) bool {
	out := w.out[w.at:][:1+len(s)]
	out[0] = 0xa0 | byte(len(s))
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
		out[1+i] = s[i]
	}
	w.at += len(out)
	return true
}

func (w *writer) repaired(s string, room int, mayBeCut bool) bool {
	size, taken := repair(nil, s, room)
	for limit := room - 1; sizeWithHead(size) > room && limit >= 0; limit-- {
		size, taken = repair(nil, s, limit)
	}
	if taken < len(s) && !mayBeCut {
		w.full = true
	}
	w.head(uint64(size), headText)
	if w.fits(size) {
		repair(w.out[w.at:], s, size)
		w.at += size
	}
	return taken == len(s)
}

// sizeWithHead returns how many bytes a text of size bytes takes.
func sizeWithHead(size int) int {
	if size <= 31 {
		return 1 + size
	}
	return 1 + 1<<exponentOf(uint64(size)) + size
}

// replacement stands for each ill-formed part of a text.
const replacement = "\uFFFD"

// repair writes a text as well-formed UTF-8, in whole characters of at most limit bytes together, or only measures it
// where out is nil. It returns how many bytes are written, and how many of s they stand for. Each ill-formed maximal
// subpart becomes U+FFFD (Unicode 3.9, "U+FFFD Substitution of Maximal Subparts"), whereas a range over a Go string
// has one for each byte.
func repair(out []byte, s string, limit int) (size, taken int) {
	for taken < len(s) {
		length, whole := leadingPart(s[taken:])
		part := replacement
		if whole {
			part = s[taken : taken+length]
		}
		if len(part) > limit-size {
			break
		}
		if out != nil {
			copy(out[size:], part)
		}
		size += len(part)
		taken += length
	}
	return size, taken
}

// leadingPart measures what a text that is not empty starts with: a whole character, or an ill-formed maximal subpart.
func leadingPart(s string) (length int, whole bool) {
	wanted, low, high := sequence(s[0])
	for length = 1; length < wanted && length < len(s) && s[length] >= low && s[length] <= high; length++ {
		low, high = 0x80, 0xbf
	}
	return length, length == wanted
}

// sequence returns how many bytes a character has that starts with lead, 0 where none does, and the bounds of its
// second byte. They exclude overlong forms, surrogates, and everything above U+10FFFF.
func sequence(lead byte) (length int, low, high byte) {
	switch {
	case lead < 0x80:
		return 1, 0, 0
	case lead < 0xc2 || lead > 0xf4:
		return 0, 0, 0
	case lead < 0xe0:
		return 2, 0x80, 0xbf
	case lead == 0xe0:
		return 3, 0xa0, 0xbf
	case lead == 0xed:
		return 3, 0x80, 0x9f
	case lead < 0xf0:
		return 3, 0x80, 0xbf
	case lead == 0xf0:
		return 4, 0x90, 0xbf
	case lead == 0xf4:
		return 4, 0x80, 0x8f
	}
	return 4, 0x80, 0xbf
}
