package bext

// TraceFlags are the flags of W3C Trace Context.
type TraceFlags uint8

// FlagsSampled says that whoever called is recording.
const FlagsSampled TraceFlags = 1

// IsSampled reports whether the flag is set that says so.
func (f TraceFlags) IsSampled() bool {
	return f&FlagsSampled != 0
}

// A part is a number in a traceparent: its hex digits, and whether a hyphen stands before it.
type part struct {
	digits int
	hyphen bool
}

// parts are version, trace id in two halves, span id, and flags.
var parts = [...]part{{2, false}, {16, true}, {16, false}, {16, true}, {2, true}}

const traceparentLength = 55

// Traceparent returns the handle as a W3C traceparent header of version 00, and "" for an invalid handle. A span that
// was started is sampled: pass [FlagsSampled].
func (h Handle) Traceparent(flags TraceFlags) string {
	if !h.IsValid() {
		return ""
	}
	var text [traceparentLength]byte
	numbers := [...]uint64{0, h.TraceIDHi, h.TraceIDLo, h.SpanID, uint64(flags)}
	at := len(text)
	for i := len(parts) - 1; i >= 0; i-- {
		for range parts[i].digits {
			at--
			text[at] = "0123456789abcdef"[numbers[i]&15]
			numbers[i] >>= 4
		}
		if parts[i].hyphen {
			at--
			text[at] = '-'
		}
	}
	return string(text[:])
}

// ParseTraceparent reads a W3C traceparent header. It returns a valid handle, its flags, and true; or zeros and false
// for what is no traceparent. A version above 00 may carry more fields, which are ignored.
func ParseTraceparent(header string) (Handle, TraceFlags, bool) {
	var numbers [len(parts)]uint64
	rest := header
	for i, part := range parts {
		if part.hyphen {
			if len(rest) == 0 || rest[0] != '-' {
				return Handle{}, 0, false
			}
			rest = rest[1:]
		}
		if len(rest) < part.digits {
			return Handle{}, 0, false
		}
		number, valid := parseHex(rest[:part.digits])
		if !valid {
			return Handle{}, 0, false
		}
		numbers[i], rest = number, rest[part.digits:]
	}
	h := Handle{numbers[1], numbers[2], numbers[3]}
	if !h.IsValid() || !mayFollow(numbers[0], rest) {
		return Handle{}, 0, false
	}
	return h, TraceFlags(numbers[4]), true
}

// mayFollow reports whether a traceparent of a version may end with rest.
func mayFollow(version uint64, rest string) bool {
	return version != 0xff && (rest == "" || version != 0 && rest[0] == '-')
}

func parseHex(digits string) (number uint64, valid bool) {
	for i := range len(digits) {
		digit := digits[i]
		switch {
		case '0' <= digit && digit <= '9':
			digit -= '0'
		case 'a' <= digit && digit <= 'f':
			digit -= 'a' - 10
		default:
			return 0, false
		}
		number = number<<4 | uint64(digit)
	}
	return number, true
}
