package armour

import "bytes"

// cutLine cuts off the first line with its end.
func cutLine(text []byte) (line, rest []byte) {
	end := lineEnd(text, 0)
	switch {
	case end < 0:
		return text, nil
	case bytes.HasPrefix(text[end:], []byte("\r\n")):
		end++
	}
	return text[: end+1 : end+1], text[end+1:]
}

// word is what a line says.
func word(line []byte) []byte { return trim(bytes.TrimRight(line, "\r\n")) }

// AfterLine returns where the next line begins if nothing but blanks follows in this one.
func AfterLine(text []byte, at int) int {
	if line, _ := cutLine(text[at:]); len(word(line)) == 0 {
		return at + len(line)
	}
	return at
}

// CutNotes splits the text above a block. What belongs to the block are its attributes with all that follows them, as openssl pkcs12
// prints them, else the last paragraph. The remains of bad blocks do not belong to it.
func CutNotes(text []byte) (loose, own []byte) {
	cut, attributes := 0, -1
	for rest := text; len(rest) > 0; {
		at := len(text) - len(rest)
		var line []byte
		line, rest = cutLine(rest)
		switch said := word(line); {
		case bytes.Contains(said, []byte(BeginMark)), bytes.Contains(said, []byte(EndMark)):
			cut, attributes = at+len(line), -1
		case len(said) == 0:
			cut = at + len(line)
		case attributes < 0 && isAttribute(said):
			attributes = at
		}
	}
	if attributes >= 0 {
		cut = min(cut, attributes)
	}
	return text[:cut:cut], text[cut:len(text):len(text)]
}

// Ended says that a text ends with the end of a line, if it is not empty.
func Ended(text []byte) bool {
	last := len(text) - 1
	return last < 0 || text[last] == '\n' || text[last] == '\r'
}

// EndLine ends a line that is not ended.
func EndLine(text []byte) []byte {
	if Ended(text) {
		return text
	}
	return append(text, '\n')
}

// WithEnds gives a text the line ends of the file.
func WithEnds(text string, crlf bool) string {
	if crlf {
		return string(bytes.ReplaceAll([]byte(text), []byte("\n"), []byte("\r\n")))
	}
	return text
}
