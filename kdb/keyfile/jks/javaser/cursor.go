package javaser

import (
	"encoding/binary"
	"fmt"

	"certkdb/kdb"
)

// Cursor reads big-endian fields. It remembers the first thing that went wrong and reads nothing from there on.
type Cursor struct {
	Data []byte
	Pos  int
	Err  error
}

// Bytes reads n bytes; what names them in the error.
func (c *Cursor) Bytes(n uint32, what string) []byte {
	if c.Err == nil && uint64(n) > uint64(len(c.Data)-c.Pos) {
		c.Err = fmt.Errorf("reading %s at offset %d: %w: it needs %d bytes, %d are left", what, c.Pos, kdb.ErrParse, n, len(c.Data)-c.Pos)
	}
	if c.Err != nil {
		return nil
	}
	c.Pos += int(n)
	return c.Data[c.Pos-int(n) : c.Pos : c.Pos]
}

// U32 reads an unsigned number of 32 bits, U64 and U16 one of 64 and 16.
func (c *Cursor) U32(what string) uint32 {
	if b := c.Bytes(4, what); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// U64 is as U32.
func (c *Cursor) U64(what string) uint64 {
	if b := c.Bytes(8, what); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// U16 is as U32.
func (c *Cursor) U16(what string) uint32 {
	if b := c.Bytes(2, what); b != nil {
		return uint32(binary.BigEndian.Uint16(b))
	}
	return 0
}

// Text reads a string of java.io.DataInput.readUTF.
func (c *Cursor) Text(what string) string { return DecodeText(c.Bytes(c.U16(what), what)) }

// Fail records an error, wrapping kdb.ErrParse, unless there already is one.
func (c *Cursor) Fail(format string, args ...any) {
	if c.Err == nil {
		c.Err = fmt.Errorf("at offset %d: %w: %s", c.Pos, kdb.ErrParse, fmt.Sprintf(format, args...))
	}
}
